package client

import (
	"context"
	"fmt"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// judge decides an order by what NATS has under its id already, if anything.
func (p *publishing) judge(ctx context.Context, x *pending, f *facts) error {
	want := x.order.Command
	switch {
	case f.result != nil:
		x.ended(f.result)
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

// ended decides an order whose id has a result.
func (x *pending) ended(r *messages.Result) {
	if x.sent { // there was no result before the order was sent: it is the order's own
		x.decide(Stored, nil, nil)
		return
	}
	x.decide(There, &Existing{Result: r}, fmt.Errorf("%w: %s at %s", ErrEnded, r.Outcome, r.FinishedAt.Local().Format(time.DateTime)))
}

// judgeHeld decides an order whose id NATS holds for later. Where both are for the same
// agent, the order is left open, and sending it moves what is held.
func (p *publishing) judgeHeld(x *pending, have messages.Command) {
	moves := x.order.At.IsZero() || !equal(have, x.order.Command)
	if have.WorkNo != x.order.Command.WorkNo || !moves {
		x.there(have, true)
	}
}

// there decides an order under whose id NATS has a command that has not ended.
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

// repeat decides an order whose id the stream has seen within its duplicate window.
func (p *publishing) repeat(ctx context.Context, x *pending, seq uint64) error {
	have, ok, err := p.command(ctx, x.order.VCC, seq)
	switch {
	case err != nil:
		return err
	case ok:
		x.there(have, false)
	case !x.puzzled:
		x.puzzled = true // the command has just ended: the next look finds its result
	case x.sent:
		x.decide(Stored, nil, nil)
	default:
		// The command ended without a result, as an invalid one may.
		x.decide(There, &Existing{}, fmt.Errorf("%w, which has no result", ErrTaken))
	}
	return nil
}
