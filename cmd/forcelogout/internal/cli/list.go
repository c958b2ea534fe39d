package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

type listCommand struct {
	clientFlags
	VCC    string   `name:"vcc" default:"default" help:"Virtual contact center."`
	On     string   `placeholder:"DAY" help:"Only shifts on this day: 2026-11-24, today or tomorrow. A shift that goes over midnight is its first day's."`
	WorkNo string   `help:"Only this agent."`
	Meta   []string `placeholder:"NAME=VALUE" help:"Only commands with this meta entry, for example team=Nord; may be repeated."`
	TZ     string   `name:"tz" placeholder:"ZONE" help:"Time zone of the day and of the times shown, for example Europe/Madrid (default: this machine's)."`
	JSON   bool     `name:"json" help:"One JSON document per line."`
}

func (c *listCommand) Run(ctx context.Context, std console.IO) error {
	which, err := c.selection(time.Now())
	if err != nil {
		return exit.Misused(err)
	}
	return c.with("list", std, func(cl *client.Client) error {
		plan, err := cl.Plan(ctx, c.VCC)
		if err != nil {
			return err
		}
		plan = slices.DeleteFunc(plan, func(e client.Entry) bool { return !which.Matches(e.Command, e.Due) })
		if c.JSON {
			for _, e := range plan {
				entryJSON(std.Out, c.VCC, e, which.Loc)
			}
			return nil
		}
		return writePlan(std.Out, plan, which.Loc)
	})
}

func (c *listCommand) selection(now time.Time) (client.Selection, error) {
	which := client.Selection{WorkNo: c.WorkNo}
	var err error
	which.Loc, err = loadZone(c.TZ)
	problems := []error{err, settings.Named("vcc", messages.ValidateVCC(c.VCC))}
	if c.WorkNo != "" {
		problems = append(problems, settings.Named("work-no", messages.ValidateWorkNo(c.WorkNo)))
	}
	which.Meta, err = metaOf(c.Meta)
	if problems = append(problems, err); errors.Join(problems...) != nil {
		return which, errors.Join(problems...)
	}
	if c.On != "" {
		which.Day, err = shiftDay(c.On, now, which.Loc)
	}
	return which, err
}

// shiftDay reads a day of --on.
func shiftDay(text string, now time.Time, loc *time.Location) (string, error) {
	today := now.In(loc)
	switch text {
	case "today":
		return today.Format(time.DateOnly), nil
	case "tomorrow":
		return time.Date(today.Year(), today.Month(), today.Day()+1, 12, 0, 0, 0, loc).Format(time.DateOnly), nil
	}
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return "", fmt.Errorf("--on %q: give a day such as 2026-11-24, today or tomorrow", text)
	}
	return text, nil
}

// metaOf reads the entries of --meta.
func metaOf(entries []string) (map[string]string, error) {
	var all map[string]string
	for _, entry := range entries {
		name, value, is := strings.Cut(entry, "=")
		if !is || name == "" {
			return nil, fmt.Errorf("--meta %q: give a name and a value, such as team=Nord", entry)
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("--meta %s is given twice", name)
		}
		if all == nil {
			all = map[string]string{}
		}
		all[name] = value
	}
	return all, nil
}

// writePlan writes a line for each command, and how many there are.
func writePlan(out io.Writer, plan []client.Entry, loc *time.Location) error {
	if len(plan) == 0 {
		_, err := fmt.Fprintln(out, "nobody will be signed out")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "when (%s)\tagent\tstate\twhy\tid\n", plan[0].Due.In(loc).Format("MST"))
	for _, e := range plan {
		line := fmt.Sprintf("%s\t%s\t%s\t%s\t%s", e.Due.In(loc).Format("2006-01-02 15:04:05"), e.Command.WorkNo, stateOf(e), why(e.Command), e.Command.ID)
		fmt.Fprintln(table, printableCells(line))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, console.Plural(len(plan), "command"))
	return err
}

// printableCells is console.Printable for each cell of a line of a table.
func printableCells(line string) string {
	cells := strings.Split(line, "\t")
	for i, cell := range cells {
		cells[i] = console.Printable(cell)
	}
	return strings.Join(cells, "\t")
}

func stateOf(e client.Entry) string {
	if e.Held {
		return client.Planned
	}
	return client.Waits
}

// why says what a command says about its cause.
func why(c messages.Command) string {
	var parts []string
	if c.Reason != "" {
		parts = append(parts, c.Reason)
	}
	if c.RequestedBy != "" {
		parts = append(parts, "by "+c.RequestedBy)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Meta)) {
		parts = append(parts, name+"="+c.Meta[name])
	}
	return strings.ReplaceAll(or(strings.Join(parts, ", "), "-"), "\t", " ")
}

func entryJSON(out io.Writer, vcc string, e client.Entry, loc *time.Location) {
	c := e.Command
	line := struct {
		Kind        string            `json:"kind"`
		VCC         string            `json:"vcc"`
		ID          string            `json:"id"`
		WorkNo      string            `json:"workNo"`
		At          time.Time         `json:"at"`
		Day         string            `json:"day"`
		State       string            `json:"state"`
		Reason      string            `json:"reason,omitempty"`
		RequestedBy string            `json:"requestedBy,omitempty"`
		Meta        map[string]string `json:"meta,omitempty"`
		ExpiresAt   time.Time         `json:"expiresAt,omitzero"`
	}{"planned", vcc, c.ID, c.WorkNo, e.Due.UTC(), e.Day(loc), stateOf(e), c.Reason, c.RequestedBy, c.Meta, c.ExpiresAt.UTC()}
	if data, err := json.Marshal(line); err == nil {
		fmt.Fprintln(out, string(data))
	}
}
