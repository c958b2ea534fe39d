package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// DefaultPatience is how long Publish goes on where NATS does not answer.
const DefaultPatience = 2 * time.Minute

const (
	// leaderTime is how long JetStream may be without an answer at all. An election is
	// over before, and a server without JetStream never answers.
	leaderTime = 10 * time.Second
	// denialLook is how often a wait for an acknowledgement looks whether the server has
	// refused the message: it does not answer then.
	denialLook = 100 * time.Millisecond
)

// Submit hands commands in for at once. The error is nil where all of them stand: they
// were stored, or there already.
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

// Publish hands orders in as they come, and calls each for every one of them, in that
// order, with what became of it. Where NATS does not answer it tries again, which never
// makes two commands of one, until it has had no success for the time of patience; 0
// means DefaultPatience.
//
// An id that is there already stays what it is, except that the same agent's order that
// is held for later is moved. The error says why orders could not be handed in, or is
// that of the sequence, which ends it; every order taken from it has its receipt.
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
	decided  time.Time        // when an order was, last
	failed   error            // why no more orders are handed in
	refused  bool             // it will not go away by itself
}

// pending is an order until it has its receipt.
type pending struct {
	order   Order
	sent    bool // an attempt had no answer, so it may have been stored
	puzzled bool // NATS knew the id, and nothing else of it
	subject string
	future  jetstream.PubAckFuture
	receipt *Receipt
}

func (x *pending) decide(state State, there *Existing, err error) {
	x.receipt = &Receipt{Order: x.order, State: state, There: there, Err: err}
}

func (x *pending) target() target { return target{x.order.key(), x.order.Command.WorkNo} }

// settle decides a batch.
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

// goOn waits for the next attempt, or says why there is none.
func (p *publishing) goOn(ctx context.Context, err error, pause time.Duration) error {
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
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// giveUp is the receipt of an order that was not decided.
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

// attempt looks at what NATS knows of the orders, sends those that it does not know,
// and takes its answers. What is undecided then is for the next attempt; the error says
// why, as far as that is known.
func (p *publishing) attempt(ctx context.Context, open []*pending) error {
	if !p.nc.IsConnected() {
		return nats.ErrDisconnected
	}
	targets := make([]target, len(open))
	for i, x := range open {
		targets[i] = x.target()
	}
	found, err := p.look(ctx, targets)
	if err != nil {
		return err
	}
	var failure error
	for _, x := range open {
		x.future = nil
		if err := p.judge(ctx, x, found[x.order.key()]); err != nil {
			failure = err
			continue
		}
		if x.receipt != nil {
			continue
		}
		if err := p.publish(x, found[x.order.key()]); err != nil {
			failure = err
		}
	}
	for _, x := range open {
		if x.future == nil {
			continue
		}
		if err := p.await(ctx, x); err != nil {
			failure = err
		}
	}
	return failure
}

// judge decides an order by what there is under its id.
func (p *publishing) judge(ctx context.Context, x *pending, f *facts) error {
	want := x.order.Command
	switch {
	case f.result != nil:
		if x.sent { // there was none before it was sent
			x.decide(Stored, nil, nil)
			return nil
		}
		x.decide(There, &Existing{Result: f.result}, fmt.Errorf("%w: %s at %s", ErrEnded, f.result.Outcome, f.result.FinishedAt.Local().Format(time.DateTime)))
		return nil
	case f.note.Cancelled != nil:
		x.decide(Refused, nil, ErrWithdrawn)
		return nil
	case f.held != nil:
		p.judgeHeld(x, *f.held)
		return nil
	case f.note.Sequence != 0:
		have, ok, err := p.command(ctx, x.order.VCC, f.note.Sequence)
		if err != nil {
			return err
		}
		if ok && have.ID == want.ID {
			x.there(have, false)
		}
	}
	return nil
}

// judgeHeld decides an order whose id is held for later: the same agent's moves.
func (p *publishing) judgeHeld(x *pending, have messages.Command) {
	moves := x.order.At.IsZero() || !equal(have, x.order.Command)
	if have.WorkNo != x.order.Command.WorkNo || !moves {
		x.there(have, true)
	}
}

// there decides an order whose id is there.
func (x *pending) there(have messages.Command, held bool) {
	want := x.order.Command
	switch {
	case x.sent && have.IssuedAt.Equal(want.IssuedAt) && equal(have, want):
		x.decide(Stored, nil, nil)
	case same(have, want):
		x.decide(There, &Existing{Command: have, Held: held}, nil)
	default:
		x.decide(There, &Existing{Command: have, Held: held}, fmt.Errorf("%w: %s", ErrTaken, difference(have, want)))
	}
}

// publish sends an order on its way. The error is for another attempt.
func (p *publishing) publish(x *pending, f *facts) error {
	data, err := x.order.Command.Encode()
	if err != nil {
		x.decide(Refused, nil, err)
		return nil
	}
	msg := &nats.Msg{Subject: p.prefix.Commands(x.order.VCC), Header: nats.Header{}, Data: data}
	opts := []jetstream.PublishOpt{jetstream.WithRetryAttempts(0)}
	if x.order.At.IsZero() && f.held == nil {
		msg.Header.Set(jetstream.MsgIDHeader, messages.MessageID(x.order.VCC, x.order.Command.ID))
	} else {
		// No message id, which would keep an order from being moved. That it replaces only
		// what was looked at keeps two orders with one id apart.
		at := x.order.At
		if at.IsZero() {
			at = time.Now()
		}
		msg.Subject = p.prefix.Schedule(x.order.VCC, x.order.Command.ID)
		opts = append(opts, jetstream.WithScheduleAt(at), jetstream.WithScheduleTarget(p.prefix.Commands(x.order.VCC)),
			jetstream.WithExpectLastSequencePerSubject(f.heldAt))
	}
	if x.subject = msg.Subject; p.denied[x.subject] != nil {
		x.decide(Refused, nil, p.denied[x.subject])
		return nil
	}
	if x.future, err = p.js.PublishMsgAsync(msg, opts...); err != nil {
		return p.answered(x, err)
	}
	return nil
}

// await takes the answer for an order on its way.
func (p *publishing) await(ctx context.Context, x *pending) error {
	look := time.NewTicker(denialLook)
	defer look.Stop()
	for {
		if denied := p.denied[x.subject]; denied != nil {
			x.decide(Refused, nil, denied)
			return nil
		}
		select {
		case ack := <-x.future.Ok():
			if ack.Duplicate {
				return p.repeat(ctx, x, ack.Sequence)
			}
			x.decide(Stored, nil, nil)
			return nil
		case err := <-x.future.Err():
			x.sent = x.sent || unanswered(err)
			return p.answered(x, err)
		case <-ctx.Done():
			x.sent = true
			return ctx.Err()
		case <-look.C:
			var denied *PermissionError
			if err := forbidden(p.nc, x.subject); errors.As(err, &denied) && denied.Action == "publish" {
				p.denied[x.subject] = denied
			}
		}
	}
}

// answered decides an order that NATS did not take, or leaves it for another attempt.
func (p *publishing) answered(x *pending, err error) error {
	var said *jetstream.APIError
	switch {
	case streams.Overtaken(err):
		return nil // the next look finds what is there now
	case errors.Is(err, jetstream.ErrMessageSchedulesDisabled):
		x.decide(Refused, nil, ErrNoSchedules)
		return nil
	case errors.Is(err, nats.ErrMaxPayload), errors.As(err, &said) && !streams.IsPassing(said):
		x.decide(Refused, nil, fmt.Errorf("NATS refuses the command: %w", err))
		return nil
	}
	return p.explain("storing commands", err)
}

// unanswered reports whether a message may have been stored in spite of an error.
func unanswered(err error) bool {
	var said *jetstream.APIError
	return !errors.As(err, &said) && !errors.Is(err, jetstream.ErrNoStreamResponse)
}

// repeat decides an order whose id the stream has seen within its duplicate window.
func (p *publishing) repeat(ctx context.Context, x *pending, seq uint64) error {
	have, ok, err := p.command(ctx, x.order.VCC, seq)
	switch {
	case err != nil:
		return err
	case ok:
		x.there(have, false)
	case !x.puzzled:
		x.puzzled = true // it has just ended: the next look finds its result
	case x.sent:
		x.decide(Stored, nil, nil)
	default:
		// It ended without a result, as an invalid command may.
		x.decide(There, &Existing{}, fmt.Errorf("%w, which has no result", ErrTaken))
	}
	return nil
}
