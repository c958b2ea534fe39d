package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

type resultCommand struct {
	clientFlags
	IDs  []string `arg:"" name:"id" help:"Commands to ask about."`
	VCC  string   `name:"vcc" default:"default" help:"Virtual contact center."`
	JSON bool     `name:"json" help:"One JSON document per line."`
}

// Run shows the results of commands. The exit code is 0 where all of them succeeded.
func (c *resultCommand) Run(ctx context.Context, std console.IO) error {
	problems := []error{settings.Named("vcc", messages.ValidateVCC(c.VCC))}
	for _, id := range c.IDs {
		problems = append(problems, messages.ValidateID(id))
	}
	if err := errors.Join(problems...); err != nil {
		return exit.Misused(err)
	}
	return c.with("result", std, func(cl *client.Client) error { return c.find(ctx, cl, std) })
}

func (c *resultCommand) find(ctx context.Context, cl *client.Client, std console.IO) error {
	all := true
	for _, id := range c.IDs {
		state, err := cl.Find(ctx, c.VCC, id)
		if err != nil {
			return err
		}
		all = all && state.Result != nil && state.Result.Outcome.Success()
		c.show(std, id, state)
	}
	if !all {
		return errQuiet
	}
	return nil
}

func (c *resultCommand) show(std console.IO, id string, f client.Found) {
	switch {
	case f.Result != nil:
		if data, err := f.Result.Encode(); err == nil {
			_ = console.NewView(std.Out, c.JSON).Result(*f.Result, data)
		}
	case c.JSON:
		fmt.Fprintf(std.Out, "{\"kind\":\"state\",\"id\":%q,\"vcc\":%q,\"workNo\":%q,\"state\":%q}\n", id, c.VCC, f.WorkNo, f.State)
	default:
		fmt.Fprintln(std.Out, console.Printable(fmt.Sprintf("%s/%s  %-6s  no result: %s", c.VCC, id, f.WorkNo, f)))
	}
}
