package client

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/forcelogout/forcelogout/messages"
)

// Status is how the commands of one VCC stand. The numbers are taken one after the
// other, so they need not add up while commands are under way.
type Status struct {
	VCC       string                  `json:"vcc"`
	Scheduled uint64                  `json:"scheduled"` // planned: the server holds them for later
	Waiting   uint64                  `json:"waiting"`   // for a worker
	Parked    uint64                  `json:"parked"`    // handed back: they wait for their time or a retry
	InFlight  int                     `json:"inFlight"`  // gateway calls under way
	Done      uint64                  `json:"done"`      // results in the stream
	OldestAge time.Duration           `json:"-"`         // of the oldest command whose time has come; 0 for none
	Sessions  int                     `json:"sessions"`  // inspectors with a usable session, at the worker that has most
	Gateway   string                  `json:"gateway"`   // messages.GatewayDown where any worker finds it down, else GatewayUp; "" without workers
	Paused    bool                    `json:"paused"`    // an operator has stopped the taking of commands
	Workers   []messages.WorkerStatus `json:"workers"`
}

// together is how many questions about VCCs are put to the server at a time.
const together = 32

// Statuses asks the server and all workers, all of them at once, how VCCs stand.
func (c *Client) Statuses(ctx context.Context, vccs []string) ([]Status, error) {
	for _, vcc := range vccs {
		if err := messages.ValidateVCC(vcc); err != nil {
			return nil, err
		}
	}
	all := make([]Status, len(vccs))
	at := make(map[string]*Status, len(vccs))
	for i, vcc := range vccs {
		all[i] = Status{VCC: vcc, Workers: []messages.WorkerStatus{}}
		at[vcc] = &all[i]
	}
	var workers map[string][]messages.WorkerStatus
	var consumers map[string]*jetstream.ConsumerInfo
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { workers, err = c.workers(ctx, vccs); return err })
	group.Go(func() (err error) { consumers, err = c.consumers(ctx); return err })
	group.Go(func() error {
		return c.eachVCC(ctx, vccs, func(ctx context.Context, vcc string) (func(), error) { return c.counts(ctx, at[vcc]) })
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i := range all {
		all[i].add(consumers[all[i].VCC], workers[all[i].VCC])
	}
	return all, nil
}

// counts counts the messages that the streams have of a VCC. What it returns writes the
// numbers into s.
func (c *Client) counts(ctx context.Context, s *Status) (apply func(), err error) {
	scheduled, _, err := c.count(ctx, c.names.Commands, c.prefix.Schedule(s.VCC, messages.AnyToken))
	if err != nil {
		return nil, err
	}
	waiting, oldest, err := c.count(ctx, c.names.Commands, c.prefix.Commands(s.VCC))
	if err != nil {
		return nil, err
	}
	done, _, err := c.count(ctx, c.names.Results, c.prefix.Result(s.VCC, messages.AnyToken, messages.AnyToken))
	if err != nil {
		return nil, err
	}
	return func() {
		s.Scheduled, s.Waiting, s.Done = scheduled, waiting, done
		if waiting == 0 {
			return
		}
		due := oldest.Time
		if command, err := messages.DecodeCommand(oldest.Data); err == nil && command.NotBefore.After(due) {
			due = command.NotBefore
		}
		s.OldestAge = max(0, time.Since(due))
	}, nil
}

// add takes in what the workers and their consumer say.
func (s *Status) add(consumer *jetstream.ConsumerInfo, workers []messages.WorkerStatus) {
	if workers != nil {
		s.Workers = workers
	}
	var out uint64
	if consumer != nil {
		s.Waiting, out, s.Paused = consumer.NumPending, uint64(consumer.NumAckPending), consumer.Paused
	}
	for _, w := range s.Workers {
		s.InFlight += w.InFlight
		s.Parked += uint64(w.Parked)
		s.Sessions = max(s.Sessions, w.Usable)
		if s.Gateway != messages.GatewayDown {
			s.Gateway = w.Gateway
		}
		// A command that was delivered, and that no worker has in hand, waits on the server.
		out -= min(out, uint64(w.InHand))
	}
	s.Parked += out
}

// eachVCC asks about VCCs, several at a time, and then applies the answers one by one.
func (c *Client) eachVCC(ctx context.Context, vccs []string, ask func(context.Context, string) (func(), error)) error {
	applies := make([]func(), len(vccs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(together)
	for i, vcc := range vccs {
		group.Go(func() (err error) {
			applies[i], err = ask(ctx, vcc)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, apply := range applies {
		apply()
	}
	return nil
}
