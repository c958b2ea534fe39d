package cli

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/demo"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
)

type demoCommand struct {
	Agents int  `default:"24" help:"Size of the shift, 6 to 10000."`
	Keep   bool `help:"Go on running afterwards, for send and watch from a second terminal."`
	settings.Log
}

func (c *demoCommand) Run(ctx context.Context, std console.IO) error {
	if c.Agents < 6 || c.Agents > 10_000 {
		return exit.Misused(fmt.Errorf("--agents %d: must be 6-10000", c.Agents))
	}
	log, err := c.Logger(std.Err)
	if err != nil {
		return err
	}
	if c.LogLevel == "info" {
		// The results are the show; a log of each would only repeat them.
		log = slog.New(slog.DiscardHandler)
	}
	return demo.Run(ctx, demo.Options{Agents: c.Agents, Keep: c.Keep, Log: log}, std)
}
