package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/shift"
)

type cancelCommand struct {
	clientFlags
	tableFlags
	IDs         []string   `arg:"" optional:"" name:"id" help:"Commands to withdraw."`
	VCC         string     `name:"vcc" default:"default" help:"Virtual contact center."`
	WorkNo      string     `help:"All open commands of this agent."`
	Shift       string     `help:"All open commands with this meta.shift."`
	Date        string     `placeholder:"DAY" help:"All open commands that are due on this day, for example 2026-11-24."`
	On          string     `placeholder:"DAY" help:"All open commands of shifts on this day: 2026-11-24, today or tomorrow. A shift that goes over midnight is its first day's."`
	Meta        []string   `placeholder:"NAME=VALUE" help:"All open commands with this meta entry; may be repeated."`
	File        string     `placeholder:"FILE" help:"All commands of a shift file, as send made them of it, with --replace or without; - for standard input."`
	TZ          string     `name:"tz" placeholder:"ZONE" help:"Time zone of the day and the file, for example Europe/Madrid (default: this machine's)."`
	Reason      string     `help:"Audit text, for example overtime."`
	RequestedBy string     `help:"Who asks."`
	Timeout     shift.Span `default:"20s" help:"How long to wait for workers that have a command in hand, after all others are withdrawn."`
	JSON        bool       `name:"json" help:"One JSON document per line."`
}

func (c *cancelCommand) Run(ctx context.Context, std console.IO) error {
	which, rows, err := c.selection(time.Now())
	if err != nil {
		return exit.Misused(err)
	}
	by := messages.Cancellation{RequestedBy: c.RequestedBy, Reason: c.Reason, At: time.Now().UTC().Truncate(time.Millisecond)}
	if err := by.Validate(); err != nil {
		return exit.Misused(err)
	}
	return c.with("cancel", std, func(cl *client.Client) error {
		if c.File != "" {
			if which.IDs, err = cl.IDs(ctx, c.VCC, rows, which.Loc); err != nil {
				return err
			}
		}
		return c.withdraw(ctx, cl, which, by, std)
	})
}

func (c *cancelCommand) withdraw(ctx context.Context, cl *client.Client, which client.Selection, by messages.Cancellation, std console.IO) error {
	bar := console.NewBar(std.Err, max(len(which.IDs), -1), "withdrawn")
	counts := map[client.Withdrawn]int{}
	err := cl.Cancel(ctx, c.VCC, which, by, time.Duration(c.Timeout), func(w client.Withdrawal) {
		_ = bar.Add(1)
		counts[w.Answer]++
		c.show(std.Out, w)
	})
	_ = bar.Finish()
	all := 0
	for _, n := range counts {
		all += n
	}
	if all > 1 && !c.JSON {
		c.summary(std.Out, counts)
	}
	switch {
	case err != nil:
		return err
	case all == 0:
		return errors.New("no open command matches")
	case counts[client.Cancelled] < all:
		return errQuiet
	}
	return nil
}

func (c *cancelCommand) summary(out io.Writer, counts map[client.Withdrawn]int) {
	var parts []string
	for _, answer := range []client.Withdrawn{client.Cancelled, client.TooLate, client.Unknown, client.Open} {
		if n := counts[answer]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, answer))
		}
	}
	fmt.Fprintln(out, strings.Join(parts, ", "))
}

func (c *cancelCommand) selection(now time.Time) (which client.Selection, rows []client.Wanted, err error) {
	which = client.Selection{IDs: c.IDs, WorkNo: c.WorkNo, Shift: c.Shift}
	given := 0
	for _, is := range []bool{len(c.IDs) > 0, c.File != "", c.WorkNo != "" || c.Shift != "" || c.Date != "" || c.On != "" || len(c.Meta) > 0} {
		if is {
			given++
		}
	}
	loc, err := loadZone(c.TZ)
	problems := []error{err, settings.Named("vcc", messages.ValidateVCC(c.VCC))}
	if given != 1 {
		problems = append(problems, errors.New("give ids, or --file, or any of --work-no, --shift, --meta, --on and --date"))
	}
	if c.File == "" && c.given() {
		problems = append(problems, errors.New("--shape, --columns, --ignore, --where, --dates, --delimiter and --blank go with --file"))
	}
	for _, id := range c.IDs {
		problems = append(problems, messages.ValidateID(id))
	}
	if c.WorkNo != "" {
		problems = append(problems, settings.Named("work-no", messages.ValidateWorkNo(c.WorkNo)))
	}
	if which.Meta, err = metaOf(c.Meta); err != nil {
		problems = append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return which, nil, err
	}
	which.Loc = loc
	if c.On != "" {
		if which.Day, err = shiftDay(c.On, now, loc); err != nil {
			return which, nil, err
		}
	}
	if c.Date != "" {
		if which.From, which.Until, err = dayOf(c.Date, loc); err != nil {
			return which, nil, err
		}
	}
	if c.File != "" {
		rows, err = c.rowsOf(now)
	}
	return which, rows, err
}

// rowsOf are the rows of a shift file for the VCC.
func (c *cancelCommand) rowsOf(now time.Time) ([]client.Wanted, error) {
	file := sendCommand{File: c.File, VCC: c.VCC, TZ: c.TZ, tableFlags: c.tableFlags}
	defaults, err := file.defaults(now)
	if err != nil {
		return nil, err
	}
	defaults.Passed = true
	rows, done, err := file.rows(defaults)
	if err != nil {
		return nil, err
	}
	defer done()
	var all []client.Wanted
	for row, err := range rows {
		if err != nil {
			return nil, fmt.Errorf("--file %s: %w", c.File, err)
		}
		if row.VCC == c.VCC {
			all = append(all, wanted(row, defaults.Loc))
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("--file %s: there is no command of VCC %s in it", c.File, c.VCC)
	}
	return all, nil
}

// dayOf is a day by the calendar of a zone.
func dayOf(text string, loc *time.Location) (from, until time.Time, err error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return from, until, fmt.Errorf("--date %q: give a day such as 2026-11-24", text)
	}
	return shift.OnWall(day, loc), shift.OnWall(day.AddDate(0, 0, 1), loc), nil
}

// show writes the answer for one command.
func (c *cancelCommand) show(out io.Writer, w client.Withdrawal) {
	if c.JSON {
		data, err := json.Marshal(struct {
			ID     string           `json:"id"`
			WorkNo string           `json:"workNo,omitempty"`
			Answer client.Withdrawn `json:"answer"`
			Result *messages.Result `json:"result,omitempty"`
			Error  string           `json:"error,omitempty"`
		}{w.ID, w.WorkNo, w.Answer, w.Result, errorText(w.Err)})
		if err == nil {
			fmt.Fprintln(out, string(data))
		}
		return
	}
	fmt.Fprintln(out, console.Printable(fmt.Sprintf("%s  %-6s  %s", w.ID, w.WorkNo, w)))
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
