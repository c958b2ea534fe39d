package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/report"
)

type reportCommand struct {
	clientFlags
	On        string `default:"today" placeholder:"DATE" help:"The day: 2026-11-25, today or yesterday (default: today)."`
	TZ        string `name:"tz" placeholder:"ZONE" help:"Time zone of the day and of times, for example Europe/Madrid (default: this machine's)."`
	DayBegins string `placeholder:"HH:MM" help:"When a day begins, for example 04:00, so that a shift's end after midnight is on its evening (default: midnight)."`
	VCC       string `name:"vcc" help:"Only this virtual contact center."`
	NameKey   string `placeholder:"KEY" help:"Entry of meta with the agent's name (default: name and the like)."`
	TeamKey   string `placeholder:"KEY" help:"Entry of meta with the team."`
	ShiftKey  string `placeholder:"KEY" help:"Entry of meta with the shift."`
	Width     int    `placeholder:"COLUMNS" help:"How wide the table may be (default: as the terminal; in a file or pipe as wide as it is)."`
	CSV       bool   `name:"csv" help:"CSV for a spreadsheet, a line for each result."`
	JSON      bool   `name:"json" help:"One JSON document per line: each result, and last the report with its totals."`
	HTML      bool   `name:"html" help:"One HTML file, to show, send or print."`
}

// leastWidth is how many columns a table needs.
const leastWidth = 40

// Run writes the report. The exit code is 1 where part of the day is not kept any more.
func (c *reportCommand) Run(ctx context.Context, std console.IO) error {
	query, err := c.query(time.Now())
	if err != nil {
		return exit.Misused(err)
	}
	var r report.Report
	err = c.with("report", std, func(cl *client.Client) error {
		r, err = report.Read(ctx, cl, query)
		return err
	})
	if err != nil {
		return err
	}
	if err := c.write(std, r); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if gaps := r.Gaps(); len(gaps) > 0 {
		return errors.New(strings.Join(gaps, " "))
	}
	return nil
}

func (c *reportCommand) query(now time.Time) (report.Query, error) {
	var problems []error
	loc, err := loadZone(c.TZ)
	if err != nil {
		problems, loc = append(problems, err), time.UTC
	}
	if _, err := report.ParseDay("today", c.DayBegins, now, loc); err != nil {
		problems = append(problems, fmt.Errorf("--day-begins %w", err))
		c.DayBegins = ""
	}
	day, err := report.ParseDay(c.On, c.DayBegins, now, loc)
	if err != nil {
		problems = append(problems, fmt.Errorf("--on %w", err))
	}
	if c.VCC != "" {
		problems = append(problems, settings.Named("vcc", messages.ValidateVCC(c.VCC)))
	}
	if c.Width != 0 && c.Width < leastWidth {
		problems = append(problems, fmt.Errorf("--width %d: must be at least %d", c.Width, leastWidth))
	}
	if c.CSV && c.JSON || c.CSV && c.HTML || c.JSON && c.HTML {
		problems = append(problems, errors.New("--csv, --json and --html: give one of them"))
	}
	return report.Query{Day: day, VCC: c.VCC, Keys: report.Keys{Name: c.NameKey, Team: c.TeamKey, Shift: c.ShiftKey}}, errors.Join(problems...)
}

func (c *reportCommand) write(std console.IO, r report.Report) error {
	switch {
	case c.CSV:
		return report.CSV(std.Out, r)
	case c.JSON:
		return report.JSON(std.Out, r)
	case c.HTML:
		return report.HTML(std.Out, r)
	}
	width := c.Width
	if width == 0 {
		width = console.LineWidth(std.Out)
	}
	return console.Report(std.Out, r, width)
}
