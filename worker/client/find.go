package client

import (
	"context"
	"errors"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Where a command is that has no result, for Found.State.
const (
	Planned    = "planned"     // NATS holds it until its time
	Waits      = "waiting"     // for a worker, or a worker has it
	HandedBack = "handed back" // by a worker, until its time or a retry
	Withdraws  = "withdrawn"   // and a worker will say so in the result
	Nowhere    = "unknown"     // NATS knows nothing of the command
)

// Found is where a command is.
type Found struct {
	State   string // "" where the command has ended
	WorkNo  string // "" where the agent is not known
	DueAt   time.Time
	Attempt int // calls made so far, where a worker has handed the command back
	Result  *messages.Result
}

// String says where the command is, for people.
func (f Found) String() string {
	text := f.State
	if f.State == Planned || f.State == HandedBack {
		text += " until " + f.DueAt.Local().Format(time.DateTime)
	}
	return text
}

// Find finds out where a command is, or how it ended.
func (c *Client) Find(ctx context.Context, vcc, id string) (Found, error) {
	if err := errors.Join(messages.ValidateVCC(vcc), messages.ValidateID(id)); err != nil {
		return Found{}, err
	}
	facts, err := c.lookOne(ctx, target{key: key{vcc, id}})
	if err != nil {
		return Found{}, err
	}
	if facts.result != nil {
		return Found{Result: facts.result, WorkNo: facts.result.WorkNo}, nil
	}
	f := Found{State: Nowhere}
	if facts.held != nil {
		f = Found{State: Planned, WorkNo: facts.held.WorkNo, DueAt: facts.held.NotBefore}
	}
	if facts.note.Sequence != 0 {
		command, ok, err := c.command(ctx, vcc, facts.note.Sequence)
		if err != nil {
			return Found{}, err
		}
		if ok && command.ID == id {
			f = Found{State: HandedBack, WorkNo: command.WorkNo, DueAt: facts.note.DueAt, Attempt: facts.note.Calls}
			if facts.note.Claim > 0 {
				f.State, f.DueAt = Waits, time.Time{} // a worker has it
			}
		}
	}
	if f.State == Nowhere {
		w := withdrawing{Client: c, vcc: vcc}
		o := open{id: id, unknown: true}
		if err := w.locate(ctx, []*open{&o}); err != nil {
			return Found{}, err
		}
		if !o.unknown {
			f = Found{State: Waits, WorkNo: o.workNo}
		} else if r, err := c.Result(ctx, vcc, id); err == nil {
			return Found{Result: &r, WorkNo: r.WorkNo}, nil
		}
	}
	if facts.note.Cancelled != nil {
		f.State = Withdraws
	}
	return f, nil
}
