package execute

import (
	"cmp"
	"context"
	"errors"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/job"
)

// takeUp goes on from a note that somebody has written since the last look.
func (x *execution) takeUp(process string, p messages.Parked, note uint64) error {
	x.Delivery = x.d.Number()
	err := x.TakeUp(process, p, note, x.d.Seq)
	if err == nil || errors.Is(err, job.ErrWithdrawn) {
		x.note = note
	}
	return err
}

// checkTwin looks whether the same command stands, or stood, in the stream under its own
// Nats-Msg-Id: a worker executes that one without a claim. It is asked of messages that
// came without it.
func (e *Executor) checkTwin(ctx context.Context, x *execution) error {
	seq, err := e.Commands.StoredUnder(ctx, x.Job)
	if err != nil || seq == 0 {
		return err
	}
	there, err := e.Commands.IsAt(ctx, seq, x.Job)
	if err != nil || there {
		return cmp.Or(err, errTwin)
	}
	// Results come before acknowledgements: had it been this command, there is one.
	result, err := e.Book.Ledger.Find(ctx, x.VCC, x.Command.WorkNo, x.Command.ID)
	if err != nil || result != nil {
		return cmp.Or(err, errSettled)
	}
	return nil
}
