package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// setupTimeout bounds what is asked of NATS before the work starts.
const setupTimeout = 30 * time.Second

type setupCommand struct {
	settings.Connection
	settings.Log
	MaxAge        time.Duration `default:"15m" help:"How late a command may be executed; the duplicate window is at least as long."`
	ResultsMaxAge time.Duration `help:"How long results are kept (new stream: 168h; existing: unchanged)."`
	Replicas      int           `help:"Replicas of the streams, 3 in a cluster (new stream: 1; existing: must be so)."`
	Check         bool          `help:"Change nothing; say whether everything is there and as it must be."`

	MaxBytes map[string]string `placeholder:"STREAM=SIZE" help:"Largest size of commands, results, dead, parked and sessions, for accounts that demand one; like commands=1GiB;results=2GiB. Full: publishers of commands get an error (and nothing can be sent with --at); without room for results no calls are made; of dead letters the oldest go."`
}

// maxBytes reads the sizes.
func (c *setupCommand) maxBytes() (m streams.MaxBytes, err error) {
	fields := map[string]*int64{
		"commands": &m.Commands, "results": &m.Results, "dead": &m.Dead, "parked": &m.Parked, "sessions": &m.Sessions,
	}
	for stream, text := range c.MaxBytes {
		size, err := humanize.ParseBytes(text)
		switch {
		case fields[stream] == nil:
			return m, exit.Misused(fmt.Errorf("--max-bytes %s: the streams are %s", stream, strings.Join(slices.Sorted(maps.Keys(fields)), ", ")))
		case err != nil || size == 0 || size > math.MaxInt64:
			return m, exit.Misused(fmt.Errorf("--max-bytes %s=%s: want a size like 500MB or 2GiB", stream, text))
		}
		*fields[stream] = int64(size)
	}
	return m, nil
}

func (c *setupCommand) Run(ctx context.Context, std console.IO) error {
	prefix, err := c.ValidPrefix()
	if err != nil {
		return err
	}
	log, err := c.Logger(std.Err)
	if err != nil {
		return err
	}
	if c.Replicas < 0 || c.ResultsMaxAge < 0 || c.ResultsMaxAge > 0 && c.ResultsMaxAge < c.MaxAge {
		return exit.Misused(fmt.Errorf("--replicas %d and --results-max-age %v: must not be below 0, nor results be kept for less than --max-age %v", c.Replicas, c.ResultsMaxAge, c.MaxAge))
	}
	maxBytes, err := c.maxBytes()
	if err != nil {
		return err
	}
	nc, api, err := c.Connect("setup", log)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := api.JetStream(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	ctx, heed := untilDenied(ctx, nc)
	plan := streams.Plan{
		Prefix: prefix, MaxAge: c.MaxAge, ResultsMaxAge: c.ResultsMaxAge, Replicas: c.Replicas, MaxBytes: maxBytes,
	}
	if c.Check {
		if err := heed(streams.Check(ctx, js, plan)); err != nil {
			return err
		}
		fmt.Fprintln(std.Out, "everything is there and as it must be")
		return nil
	}
	changes, err := streams.Setup(ctx, js, plan)
	err = heed(err)
	for _, change := range changes {
		fmt.Fprintf(std.Out, "%s %s\n", change.Action, change.Object)
	}
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		fmt.Fprintln(std.Out, "everything is there already and as it must be")
	}
	return nil
}

// denialLook is how often setup looks whether the server has refused something.
const denialLook = 100 * time.Millisecond

// untilDenied ends a context when the server refuses what was asked: the server tells the
// connection of a refusal, and the request would wait for an answer that never comes. heed
// puts the refusal in the place of the error of the ended context, and is called once.
func untilDenied(ctx context.Context, nc *nats.Conn) (until context.Context, heed func(error) error) {
	until, end := context.WithCancelCause(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		look := time.NewTicker(denialLook)
		defer look.Stop()
		for {
			select {
			case <-until.Done():
				return
			case <-look.C:
				if err := nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) {
					end(err)
				}
			}
		}
	}()
	return until, func(err error) error {
		end(nil)
		<-over
		if cause := context.Cause(until); err != nil && errors.Is(cause, nats.ErrPermissionViolation) {
			return fmt.Errorf("this user of NATS may not do that: %w (deploy/nats/permissions.conf has what each role needs)", cause)
		}
		return err
	}
}
