package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/shift"
)

type sendCommand struct {
	clientFlags
	spareFlags
	replaceFlags
	tableFlags
	Agents      []string   `arg:"" optional:"" name:"workNo" help:"Agents to sign out, 101-999999 each."`
	File        string     `placeholder:"FILE" help:"Shift file, CSV with a header or NDJSON; - for standard input."`
	VCC         string     `name:"vcc" default:"default" help:"Virtual contact center."`
	At          string     `placeholder:"TIME" help:"Let the server hold it until then: 18:00, 2026-11-24T18:00, RFC 3339, +90m."`
	NotBefore   string     `placeholder:"TIME" help:"Let it wait in the command stream until then, for NATS servers without schedules."`
	TZ          string     `name:"tz" placeholder:"ZONE" help:"Time zone of times, for example Europe/Madrid (default: this machine's)."`
	ExpiresIn   shift.Span `placeholder:"DURATION" help:"Do not execute later than this after its time (default: 15m, and the worker's --max-age for at once)."`
	ID          string     `help:"Id of the command, for one agent; sent again it moves a command that is for later."`
	Reason      string     `help:"Audit text, for example shift-end."`
	RequestedBy string     `help:"Who asks."`
	Inspector   string     `placeholder:"WORKNO" help:"Only this inspector may do it."`
	Now         bool       `help:"With --file: sign out at once where the file gives no time; it never is by itself."`
	Meta        []string   `placeholder:"COLUMN" help:"With --file: columns that go along in the commands' meta, and so into the results."`
	Rejects     string     `placeholder:"FILE" help:"With --file: write the refused rows there, with what is wrong with each. The file must not be there yet."`
	SkipInvalid bool       `help:"Send the good lines of a file that has bad ones."`
	DryRun      bool       `help:"Show what would be sent."`
	Timeout     shift.Span `default:"2m" help:"How long to go on where NATS does not answer."`
	OKIfEnded   bool       `name:"ok-if-ended" help:"Take it for done where a command had signed the agent out before."`
	JSON        bool       `name:"json" help:"One JSON document per line and command."`
	Wait        bool       `help:"Wait for the results; exit 1 unless all succeeded."`
	WaitTimeout shift.Span `default:"20m" help:"Longest time to wait with --wait, after the last command's time."`
	Report      string     `placeholder:"FILE" help:"With --wait: write a CSV line for each command."`

	stdin io.Reader // nil for the process's own
}

func (c *sendCommand) Run(ctx context.Context, std console.IO) error {
	defaults, err := c.defaults(time.Now())
	if err != nil {
		return exit.Misused(err)
	}
	if c.Replace != "" {
		return c.replace(ctx, std, defaults)
	}
	rows, p, done, err := c.taken(defaults, std)
	if err != nil {
		return exit.Misused(err)
	}
	defer done()
	if c.DryRun {
		return c.dryRun(std.Out, rows, p)
	}
	if c.File != "" {
		p.tell(std.Err)
	}
	report, err := newResultsFile(c.Report, c.File, defaults.Loc)
	if err != nil {
		return exit.Misused(err)
	}
	cl, closeAll, err := c.open("send", std)
	if err != nil {
		return errors.Join(err, report.discard())
	}
	defer closeAll()
	s := &sending{cl: cl, rows: rows, total: p.total, quiet: c.File != "", json: c.JSON, okIfEnded: c.OKIfEnded, timeout: time.Duration(c.Timeout), std: std}
	if c.Wait {
		return s.andWait(ctx, time.Duration(c.WaitTimeout+c.StayOut), report)
	}
	return s.send(ctx)
}

// taken returns the rows that are left to send, and what they ask for; done closes their
// file.
func (c *sendCommand) taken(d shift.Defaults, std console.IO) (rows iter.Seq2[shift.Row, error], p *plan, done func(), err error) {
	left, err := c.except()
	if err != nil {
		return nil, nil, nil, err
	}
	rows, done, err = c.rows(d)
	if err != nil {
		return nil, nil, nil, err
	}
	rows = left.from(rows)
	p = newPlan(d, c.whoseZone())
	err = c.check(rows, p, std)
	if err = left.judge(p.total, err, std.Err); err == nil {
		err = c.tooMany(p.total, c.DryRun, std.Err)
	}
	if err != nil {
		done()
		return nil, nil, nil, err
	}
	return valid(rows), p, done, nil
}

// defaults checks the flags that hold for all commands.
func (c *sendCommand) defaults(now time.Time) (shift.Defaults, error) {
	d := shift.Defaults{
		Name: filepath.Base(c.File), VCC: c.VCC, Inspector: c.Inspector, Reason: c.Reason, RequestedBy: c.RequestedBy,
		ExpiresIn: time.Duration(c.ExpiresIn), Now: now,
	}
	shape, shapeErr := c.shape()
	rules, ruleErr := shape.Rules()
	rules.Meta, rules.Immediate, rules.Seen = append(rules.Meta, c.Meta...), c.Now || c.File == "", &shift.Seen{}
	rules.Along = c.along()
	d.Rules = rules
	loc, err := loadZone(cmp.Or(c.TZ, shape.TZ))
	problems := []error{err, shapeErr, ruleErr, settings.Named("vcc", messages.ValidateVCC(c.VCC))}
	d.Loc = loc
	if loc == nil {
		d.Loc = time.UTC
	}
	if d.Conditions, err = c.conditions(now, d.Loc); err != nil {
		problems = append(problems, err)
	}
	for flag, to := range map[string]*time.Time{"--at": &d.At, "--not-before": &d.NotBefore} {
		text := map[string]string{"--at": c.At, "--not-before": c.NotBefore}[flag]
		if text == "" {
			continue
		}
		if *to, err = shift.ParseWhen(text, now, d.Loc); err != nil {
			problems = append(problems, fmt.Errorf("%s %w", flag, err))
		}
	}
	switch {
	case (c.File == "") == (len(c.Agents) == 0):
		problems = append(problems, errors.New("give agents (workNo …), or --file"))
	case c.ID != "" && len(c.Agents) != 1:
		problems = append(problems, errors.New("--id goes with one agent"))
	case c.At != "" && c.NotBefore != "":
		problems = append(problems, errors.New("--at and --not-before: give one of them"))
	case c.Report != "" && !c.Wait:
		problems = append(problems, errors.New("--report needs --wait: without it there are no results to report"))
	case c.Replace != "" && c.File == "":
		problems = append(problems, errors.New("--replace goes with --file"))
	case c.Replace != "" && c.Wait:
		problems = append(problems, errors.New("--wait does not go with --replace: follow the results with forcelogout watch"))
	case c.MaxWithdraw != "" && c.Replace == "":
		problems = append(problems, errors.New("--max-withdraw goes with --replace"))
	case c.SkipInvalid && c.Replace != "":
		problems = append(problems, errors.New("--skip-invalid does not go with --replace: the agents of bad lines would be withdrawn"))
	case c.Now && (c.At != "" || c.NotBefore != ""):
		problems = append(problems, errors.New("--now and --at or --not-before: give one of them"))
	case c.File == "" && (c.Now || c.given() || len(c.Meta) > 0 || c.Rejects != ""):
		problems = append(problems, errors.New("--now, --shape, --columns, --meta, --ignore, --where, --dates, --delimiter, --blank and --rejects go with --file"))
	case c.SkipInvalid && c.File == "":
		problems = append(problems, errors.New("--skip-invalid goes with --file"))
	}
	return d, errors.Join(problems...)
}

// whoseZone tells who said in which zone times are.
func (c *sendCommand) whoseZone() string {
	shape, err := c.shape()
	switch {
	case c.TZ != "":
		return "--tz"
	case err == nil && shape.TZ != "":
		return "the shape's"
	}
	return "this machine's"
}

// loadZone finds the time zone of --tz.
func loadZone(name string) (*time.Location, error) {
	loc, err := shift.LoadZone(name)
	if err != nil {
		return nil, fmt.Errorf("--tz %w", err)
	}
	return loc, nil
}

// check goes through all rows before any is sent, and says of every bad line what is
// wrong with it; on the terminal of the first ones.
func (c *sendCommand) check(rows iter.Seq2[shift.Row, error], p *plan, std console.IO) error {
	bad := 0
	refused := &rejects{name: c.Rejects}
	err := c.eachRow(rows, p, func(line *shift.LineError) {
		if bad++; bad <= shown {
			fmt.Fprintln(std.Err, console.Printable(c.File+", "+line.Error()))
		}
		refused.add(p.seen.Header, line)
	})
	if bad > shown {
		fmt.Fprintf(std.Err, "and %d more bad lines\n", bad-shown)
	}
	err = errors.Join(err, refused.close())
	switch {
	case err != nil:
		return err
	case bad > 0 && !c.SkipInvalid:
		return fmt.Errorf("%d of %d lines are bad, nothing was sent: correct them, or use --skip-invalid", bad, bad+p.total)
	case p.total == 0:
		return fmt.Errorf("--file %s: there is no command in it", c.File)
	}
	return nil
}

// eachRow adds the good rows to the plan, and hands the bad ones to bad.
func (c *sendCommand) eachRow(rows iter.Seq2[shift.Row, error], p *plan, bad func(*shift.LineError)) error {
	var ids shift.IDs
	for row, err := range rows {
		if err == nil {
			err = ids.Add(row)
		}
		var line *shift.LineError
		var twice *shift.TwiceError
		switch {
		case errors.As(err, &twice):
			return fmt.Errorf("%s: %w, nothing was sent", c.source(), twice)
		case errors.As(err, &line):
			bad(line)
		case err != nil:
			return fmt.Errorf("--file %s: %w", c.File, err)
		default:
			p.add(row)
		}
	}
	return nil
}

func (c *sendCommand) source() string {
	if c.File == "" {
		return "the agents"
	}
	return "--file " + c.File
}

// dryRun shows what would be sent.
func (c *sendCommand) dryRun(out io.Writer, rows iter.Seq2[shift.Row, error], p *plan) error {
	for row, err := range rows {
		if err != nil {
			return err
		}
		when := "now"
		if !row.Command.NotBefore.IsZero() {
			when = row.Command.NotBefore.Format(time.RFC3339)
		}
		fmt.Fprintf(out, "%s  %s  %-6s  %s\n", row.Command.ID, row.VCC, row.Command.WorkNo, when)
	}
	fmt.Fprintf(out, "%s would be sent\n", console.Plural(p.total, "command"))
	if c.File != "" {
		p.tell(out)
	}
	return nil
}
