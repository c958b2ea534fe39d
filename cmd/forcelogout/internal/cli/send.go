package cli

import (
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
	rows, total, done, err := c.taken(defaults, std)
	if err != nil {
		return exit.Misused(err)
	}
	defer done()
	if c.DryRun {
		return dryRun(std.Out, rows, total)
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
	s := &sending{cl: cl, rows: rows, total: total, quiet: c.File != "", json: c.JSON, okIfEnded: c.OKIfEnded, timeout: time.Duration(c.Timeout), std: std}
	if c.Wait {
		return s.andWait(ctx, time.Duration(c.WaitTimeout+c.StayOut), report)
	}
	return s.send(ctx)
}

// taken returns the rows that are left to send, and how many they are; done closes their
// file.
func (c *sendCommand) taken(d shift.Defaults, std console.IO) (rows iter.Seq2[shift.Row, error], total int, done func(), err error) {
	left, err := c.except()
	if err != nil {
		return nil, 0, nil, err
	}
	rows, done, err = c.rows(d)
	if err != nil {
		return nil, 0, nil, err
	}
	rows = left.from(rows)
	total, err = c.check(rows, std)
	if err = left.judge(total, err, std.Err); err == nil {
		err = c.tooMany(total, c.DryRun, std.Err)
	}
	if err != nil {
		done()
		return nil, 0, nil, err
	}
	return valid(rows), total, done, nil
}

// defaults checks the flags that hold for all commands.
func (c *sendCommand) defaults(now time.Time) (shift.Defaults, error) {
	d := shift.Defaults{
		Name: filepath.Base(c.File), VCC: c.VCC, Inspector: c.Inspector, Reason: c.Reason, RequestedBy: c.RequestedBy,
		ExpiresIn: time.Duration(c.ExpiresIn), Now: now,
	}
	loc, err := loadZone(c.TZ)
	problems := []error{err, settings.Named("vcc", messages.ValidateVCC(c.VCC))}
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
	case c.SkipInvalid && c.File == "":
		problems = append(problems, errors.New("--skip-invalid goes with --file"))
	}
	return d, errors.Join(problems...)
}

// loadZone finds the time zone of --tz.
func loadZone(name string) (*time.Location, error) {
	loc, err := shift.LoadZone(name)
	if err != nil {
		return nil, fmt.Errorf("--tz %w", err)
	}
	return loc, nil
}

// check goes through all rows before any is sent, and says of every bad line what
// is wrong with it.
func (c *sendCommand) check(rows iter.Seq2[shift.Row, error], std console.IO) (total int, err error) {
	bad := 0
	var ids shift.IDs
	for row, err := range rows {
		if err == nil {
			err = ids.Add(row)
		}
		var line *shift.LineError
		var twice *shift.TwiceError
		switch {
		case errors.As(err, &twice):
			return 0, fmt.Errorf("%s: %w, nothing was sent", c.source(), twice)
		case errors.As(err, &line):
			bad++
			fmt.Fprintln(std.Err, console.Printable(c.File+", "+line.Error()))
		case err != nil:
			return 0, fmt.Errorf("--file %s: %w", c.File, err)
		default:
			total++
		}
	}
	switch {
	case bad > 0 && !c.SkipInvalid:
		return 0, fmt.Errorf("%d of %d lines are bad, nothing was sent: correct them, or use --skip-invalid", bad, bad+total)
	case total == 0:
		return 0, fmt.Errorf("--file %s: there is no command in it", c.File)
	}
	return total, nil
}

func (c *sendCommand) source() string {
	if c.File == "" {
		return "the agents"
	}
	return "--file " + c.File
}

// dryRun shows what would be sent.
func dryRun(out io.Writer, rows iter.Seq2[shift.Row, error], total int) error {
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
	fmt.Fprintf(out, "%s would be sent\n", console.Plural(total, "command"))
	return nil
}
