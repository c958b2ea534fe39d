package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/shift"
)

type extendCommand struct {
	clientFlags
	WorkNo  string     `required:"" help:"The agent."`
	Until   string     `required:"" placeholder:"TIME" help:"The new time: 20:00, 2026-11-24T20:00, RFC 3339, or +30m after the present one."`
	On      string     `placeholder:"DAY" help:"The day of the shift: 2026-11-24, today or tomorrow (default: the agent's next one)."`
	ID      string     `help:"The command, where the agent has several on that day."`
	VCC     string     `name:"vcc" default:"default" help:"Virtual contact center."`
	TZ      string     `name:"tz" placeholder:"ZONE" help:"Time zone of the times and the day, for example Europe/Madrid (default: this machine's)."`
	Timeout shift.Span `default:"2m" help:"How long to go on where NATS does not answer."`
	JSON    bool       `name:"json" help:"Write a JSON document."`
}

func (c *extendCommand) Run(ctx context.Context, std console.IO) error {
	now := time.Now()
	list := listCommand{VCC: c.VCC, On: c.On, WorkNo: c.WorkNo, TZ: c.TZ}
	which, err := list.selection(now)
	if err == nil {
		err = settings.Named("work-no", messages.ValidateWorkNo(c.WorkNo))
	}
	if err == nil {
		_, err = until(c.Until, now, now, which.Loc) // is it a time at all?
	}
	if err != nil {
		return exit.Misused(err)
	}
	return c.with("extend", std, func(cl *client.Client) error { return c.move(ctx, std, cl, which, now) })
}

// move gives the planned command that is meant its new time.
func (c *extendCommand) move(ctx context.Context, std console.IO, cl *client.Client, which client.Selection, now time.Time) error {
	plan, err := cl.Plan(ctx, c.VCC)
	if err != nil {
		return err
	}
	entry, err := c.choose(plan, which)
	if err != nil {
		return err
	}
	at, err := until(c.Until, entry.Due, now, which.Loc)
	if err != nil {
		return exit.Misused(err)
	}
	if !at.After(now) {
		return exit.Misused(fmt.Errorf("--until %s: %s has passed", c.Until, at.In(which.Loc).Format("2006-01-02 15:04")))
	}
	change := client.Change{Kind: client.Moved, ID: entry.Command.ID, WorkNo: c.WorkNo, Day: entry.Day(which.Loc), From: entry.Due, To: at}
	switch err := cl.Move(ctx, c.VCC, entry, at, time.Duration(c.Timeout)); {
	case errors.Is(err, client.ErrFired):
		change.Kind, change.To, change.Why = client.Late, time.Time{}, err.Error()
	case err != nil:
		return err
	}
	c.show(std, change, which.Loc)
	if change.Kind != client.Moved {
		return errQuiet
	}
	return nil
}

func (c *extendCommand) show(std console.IO, change client.Change, loc *time.Location) {
	if c.JSON {
		changeJSON(std.Out, c.VCC, change)
		return
	}
	fmt.Fprintln(std.Out, console.Printable(changeLine(change, loc)))
}

// choose finds the one command that is meant: the agent's only one on the day, or the
// next day that they have one.
func (c *extendCommand) choose(plan []client.Entry, which client.Selection) (client.Entry, error) {
	plan = slices.DeleteFunc(plan, func(e client.Entry) bool {
		return !which.Matches(e.Command, e.Due) || c.ID != "" && e.Command.ID != c.ID
	})
	if len(plan) == 0 {
		return client.Entry{}, fmt.Errorf("no sign-out of agent %s is planned that fits: see forcelogout list --work-no %s", c.WorkNo, c.WorkNo)
	}
	first := plan[0]
	same := slices.DeleteFunc(plan, func(e client.Entry) bool { return e.Day(which.Loc) != first.Day(which.Loc) })
	if len(same) == 1 {
		return first, nil
	}
	var all []string
	for _, e := range same {
		all = append(all, fmt.Sprintf("%s at %s", e.Command.ID, e.Due.In(which.Loc).Format("15:04")))
	}
	return client.Entry{}, fmt.Errorf("agent %s has several sign-outs on that day: choose one with --id: %s", c.WorkNo, strings.Join(all, ", "))
}

// nearby is how far ahead a time of day may be to belong to the same shift.
const nearby = 12 * time.Hour

// until reads the new time of a command that is due at present. A time of day is the first
// after that, where it is near, or else that of the same day.
func until(text string, present, now time.Time, loc *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	if wall, err := time.Parse("15:04", text); err == nil {
		day := present.In(loc)
		onDay := func(days int) time.Time {
			return shift.OnWall(time.Date(day.Year(), day.Month(), day.Day()+days, wall.Hour(), wall.Minute(), 0, 0, time.UTC), loc)
		}
		for days := range 2 {
			if at := onDay(days); !at.Before(present) && at.Sub(present) <= nearby {
				return at, nil
			}
		}
		return onDay(0), nil
	}
	base := now
	if strings.HasPrefix(text, "+") {
		base = present
	}
	at, err := shift.ParseWhen(text, base, loc)
	if err != nil {
		return at, fmt.Errorf("--until %w", err)
	}
	return at, nil
}
