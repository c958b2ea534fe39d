package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
)

// DefaultPatience is how long Publish goes on while NATS does not answer.
const DefaultPatience = 2 * time.Minute

// leaderTime is how long JetStream may give no answer at all. An election takes less,
// and a server without JetStream never answers.
const leaderTime = 10 * time.Second

// Submit hands in commands that are due at once. The error is nil where all of them
// stand: each was stored, or was there already.
func (c *Client) Submit(ctx context.Context, vcc string, commands []messages.Command) error {
	orders := func(yield func(Order, error) bool) {
		for _, command := range commands {
			if !yield(Order{VCC: vcc, Command: command}, nil) {
				return
			}
		}
	}
	var first error
	failed := 0
	err := c.Publish(ctx, 0, orders, func(r Receipt) {
		if r.Err == nil {
			return
		}
		if failed++; first == nil {
			first = fmt.Errorf("command %s: %w", r.Order.Command.ID, r.Err)
		}
	})
	switch {
	case failed > 1:
		return fmt.Errorf("%d of %d commands do not stand, first %w", failed, len(commands), first)
	case failed == 1:
		return first
	}
	return err
}

// Publish hands orders in as the sequence yields them, and calls each for every one of
// them, in the sequence's order, with what became of it. While NATS does not answer,
// Publish tries again, which never makes two commands of one; it gives up after it has
// had no success for as long as patience says. 0 means DefaultPatience.
//
// A command whose id is there already stays as it is, with one exception: an order that
// NATS holds for later is moved where the new one is for the same agent. The error says
// why orders could not be handed in. An error of the sequence ends Publish and is
// returned; every order that was taken from the sequence has its receipt.
func (c *Client) Publish(ctx context.Context, patience time.Duration, orders iter.Seq2[Order, error], each func(Receipt)) error {
	if patience <= 0 {
		patience = DefaultPatience
	}
	p := publishing{Client: c, patience: patience, each: each, denied: map[string]error{}}
	batch := make([]*pending, 0, chunk)
	for order, err := range orders {
		if err != nil {
			p.settle(ctx, batch)
			return errors.Join(err, p.failed)
		}
		if batch = append(batch, &pending{order: order}); len(batch) == chunk {
			p.settle(ctx, batch)
			batch = batch[:0]
		}
	}
	p.settle(ctx, batch)
	return p.failed
}

// publishing is one run of Publish.
type publishing struct {
	*Client
	patience time.Duration
	each     func(Receipt)
	denied   map[string]error // by subject
	decided  time.Time        // when the last order was decided
	failed   error            // why no more orders are handed in
	refused  bool             // failed will not go away by itself
}

// settle decides every order of a batch, and tells each of them.
func (p *publishing) settle(ctx context.Context, batch []*pending) {
	open := make([]*pending, 0, len(batch))
	p.decided = time.Now()
	for _, x := range batch {
		var err error
		if x.order, err = x.order.complete(); err != nil {
			x.decide(Refused, nil, err)
			continue
		}
		open = append(open, x)
	}
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(50*time.Millisecond), backoff.WithMaxInterval(time.Second), backoff.WithMaxElapsedTime(0))
	for len(open) > 0 && p.failed == nil {
		before := len(open)
		err := p.attempt(ctx, open)
		if open = undecided(open); len(open) < before {
			p.decided = time.Now()
			pause.Reset()
		}
		if len(open) > 0 {
			p.failed = p.goOn(ctx, err, pause.NextBackOff())
		}
	}
	for _, x := range open {
		p.giveUp(x)
	}
	for _, x := range batch {
		p.each(*x.receipt)
	}
}

func undecided(all []*pending) []*pending {
	var open []*pending
	for _, x := range all {
		if x.receipt == nil {
			open = append(open, x)
		}
	}
	return open
}

// goOn waits until the next attempt is due, or says why there will be none. The last
// attempt failed with err.
func (p *publishing) goOn(ctx context.Context, err error, rest time.Duration) error {
	waited := time.Since(p.decided)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case p.nc.IsClosed():
		return nats.ErrConnectionClosed
	case lasting(err), errors.Is(err, ErrNoJetStream) && waited > leaderTime:
		p.refused = true
		return err
	case waited > p.patience && err == nil:
		return fmt.Errorf("others have changed the same commands for %v", p.patience)
	case waited > p.patience:
		return fmt.Errorf("NATS has stored nothing for %v: %w", p.patience, err)
	}
	pause(ctx, rest)
	return ctx.Err()
}

// giveUp makes the receipt of an order that no attempt has decided.
func (p *publishing) giveUp(x *pending) {
	switch {
	case x.sent:
		x.decide(Undecided, nil, fmt.Errorf("%w: %w", ErrUndecided, p.failed))
	case p.refused:
		x.decide(Refused, nil, p.failed)
	default:
		x.decide(Undecided, nil, fmt.Errorf("%w: %w", ErrNotSent, p.failed))
	}
}
