package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/shift"
)

type watchCommand struct {
	clientFlags
	VCC        string           `name:"vcc" help:"Only this virtual contact center."`
	WorkNo     string           `help:"Only this agent."`
	Outcome    messages.Outcome `placeholder:"NAME" help:"Only results with this outcome, for example failed."`
	Since      shift.Span       `placeholder:"AGE" help:"Also results of the time before, for example 1h or 1d."`
	Until      string           `placeholder:"TIME" help:"End then: 18:00, an RFC 3339 time or +10m."`
	NoFollow   bool             `help:"End after the results that are there; with --since."`
	Limit      int              `placeholder:"N" help:"End after so many results."`
	NoProgress bool             `help:"Results only, no live progress."`
	JSON       bool             `name:"json" help:"One JSON document per line, as published, with its kind: result, progress or gateway."`
}

func (c *watchCommand) Run(ctx context.Context, std console.IO) error {
	filter, err := c.filter(time.Now())
	if err != nil {
		return exit.Misused(err)
	}
	if c.Until != "" {
		until, err := shift.ParseWhen(c.Until, time.Now(), time.Local)
		if err != nil {
			return exit.Misused(fmt.Errorf("--until %w", err))
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	return c.with("watch", std, func(cl *client.Client) error { return c.watch(ctx, cl, filter, std) })
}

func (c *watchCommand) watch(ctx context.Context, cl *client.Client, filter client.Filter, std console.IO) error {
	view := console.NewView(std.Out, c.JSON)
	if !c.NoProgress && !c.NoFollow && c.Outcome == "" {
		stop, err := cl.Progress(filter, view.Progress)
		if err != nil {
			return err
		}
		defer stop()
		stopStates, err := cl.GatewayStates(filter, view.Gateway)
		if err != nil {
			return err
		}
		defer stopStates()
	}
	return c.follow(ctx, cl, filter, view)
}

func (c *watchCommand) filter(now time.Time) (client.Filter, error) {
	filter := client.Filter{VCC: c.VCC, WorkNo: c.WorkNo}
	if err := optionalVCC(c.VCC); err != nil {
		return filter, err
	}
	if c.WorkNo != "" {
		if err := messages.ValidateWorkNo(c.WorkNo); err != nil {
			return filter, settings.Named("work-no", err)
		}
	}
	switch {
	case c.NoFollow && c.Since == 0:
		return filter, errors.New("--no-follow goes with --since: without it there is nothing to show")
	case c.NoFollow && c.Until != "":
		return filter, errors.New("--no-follow and --until: give one of them")
	case c.Limit < 0:
		return filter, fmt.Errorf("--limit %d: must be above 0", c.Limit)
	case c.Since > 0:
		filter.Since = now.Add(-time.Duration(c.Since))
	}
	if c.Outcome == "" {
		return filter, nil
	}
	for _, outcome := range messages.Outcomes() {
		if c.Outcome == outcome {
			return filter, nil
		}
	}
	return filter, fmt.Errorf("--outcome %q: must be one of %v", c.Outcome, messages.Outcomes())
}

// follow shows results until the user ends it.
func (c *watchCommand) follow(ctx context.Context, cl *client.Client, filter client.Filter, view *console.View) error {
	feed, err := cl.Results(ctx, filter)
	if err != nil {
		return err
	}
	defer feed.Close()
	for shown := 0; c.Limit == 0 || shown < c.Limit; {
		if c.NoFollow && feed.Pending() == 0 {
			return nil
		}
		result, raw, err := feed.Next(ctx)
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		if c.Outcome != "" && result.Outcome != c.Outcome {
			continue
		}
		if err := view.Result(result, raw); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		shown++
	}
	return nil
}
