package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/streams"
)

// setupTimeout bounds what is asked of NATS before the work starts.
const setupTimeout = 30 * time.Second

type setupCommand struct {
	natsFlags
	logFlags
	MaxAge        time.Duration `default:"15m" help:"How late a command may be executed; the duplicate window is at least as long."`
	ResultsMaxAge time.Duration `help:"How long results are kept (new stream: 168h; existing: unchanged)."`
	Replicas      int           `default:"1" help:"Replicas of new streams; 3 in a cluster."`
}

func (c *setupCommand) Run(ctx context.Context, std streamsIO) error {
	prefix, err := c.prefix()
	if err != nil {
		return err
	}
	log, err := c.logger(std.err)
	if err != nil {
		return err
	}
	nc, err := c.connect("setup", log)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	changes, err := streams.Setup(ctx, js, streams.Plan{
		Prefix: prefix, MaxAge: c.MaxAge, ResultsMaxAge: c.ResultsMaxAge, Replicas: c.Replicas,
	})
	for _, change := range changes {
		fmt.Fprintf(std.out, "%s %s\n", change.Action, change.Object)
	}
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		fmt.Fprintln(std.out, "everything is there already and as it must be")
	}
	return nil
}
