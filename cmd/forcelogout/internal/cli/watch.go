package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
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
	cl, closeAll, err := c.open("watch", std)
	if err != nil {
		return err
	}
	defer closeAll()
	view := &view{out: std.Out, json: c.JSON, paint: painter(console.Colored(std.Out)), width: lineWidth(std.Out)}
	if !c.NoProgress && !c.NoFollow && c.Outcome == "" {
		stop, err := cl.Progress(filter, view.progress)
		if err != nil {
			return err
		}
		defer stop()
		stopStates, err := cl.GatewayStates(filter, view.gateway)
		if err != nil {
			return err
		}
		defer stopStates()
	}
	return c.follow(ctx, cl, filter, view)
}

func (c *watchCommand) filter(now time.Time) (client.Filter, error) {
	filter := client.Filter{VCC: c.VCC, WorkNo: c.WorkNo}
	if c.VCC != "" {
		if err := messages.ValidateVCC(c.VCC); err != nil {
			return filter, settings.Named("vcc", err)
		}
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
func (c *watchCommand) follow(ctx context.Context, cl *client.Client, filter client.Filter, view *view) error {
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
		if err := view.result(result, raw); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		shown++
	}
	return nil
}

// view writes events as they come, from two feeds.
type view struct {
	mu    sync.Mutex
	out   io.Writer
	json  bool
	paint painter
	width int
}

func (v *view) result(r messages.Result, raw []byte) error {
	if v.json {
		return v.line(withKind("result", raw))
	}
	return v.line(resultLine(r, v.paint, v.width, true))
}

func (v *view) progress(p messages.Progress, raw []byte) {
	line := withKind("progress", raw)
	if !v.json {
		line = clipLine(console.Printable(progressLine(p)), v.width)
	}
	// A closed output ends the command at the next result.
	_ = v.line(line)
}

func (v *view) gateway(s messages.GatewayState, raw []byte) {
	line := withKind("gateway", raw)
	if !v.json {
		line = clipLine(console.Printable(gatewayLine(s)), v.width)
	}
	_ = v.line(line)
}

func gatewayLine(s messages.GatewayState) string {
	line := fmt.Sprintf("%s  gateway of %s: %s, says worker %s", s.At.Local().Format(time.TimeOnly), s.VCC, s.State, s.Worker)
	if s.Error != "" {
		line += ": " + s.Error
	}
	return line
}

func (v *view) line(s string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, err := fmt.Fprintln(v.out, s)
	return err
}

func progressLine(p messages.Progress) string {
	line := fmt.Sprintf("%s  %-6s  ", p.At.Local().Format(time.TimeOnly), p.WorkNo)
	switch {
	case p.Phase == messages.PhaseWait && p.WaitFor == messages.WaitCall:
		line += "waits for the end of the agent's call, next look " + p.Until.Local().Format(time.TimeOnly)
	case p.Phase == messages.PhaseWait && p.WaitFor == messages.WaitGateway:
		line += "waits for the gateway, which is down"
	case p.Phase == messages.PhaseWait && p.WaitFor == messages.WaitSession:
		line += "waits for an inspector's session"
	case p.Phase == messages.PhaseWait && p.Attempt == 0:
		line += "waits until " + p.Until.Local().Format(time.TimeOnly)
	case p.Phase == messages.PhaseWait:
		line += fmt.Sprintf("waits %s before call %d", round(p.Until.Sub(p.At)), p.Attempt+1)
	case p.Error != "":
		line += fmt.Sprintf("call %d: %s", p.Attempt, p.Error)
	default:
		line += fmt.Sprintf("call %d: signed out", p.Attempt)
	}
	return line + "  " + p.VCC + "/" + p.ID
}
