package execute

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/intake"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/record"
)

// yield gives a command back to the server until it is due. Whoever gets it then goes on
// where this worker stopped. Without a note, and without the lease, it is left to the
// server, which delivers it again after AckWait: a NAK takes a command from whoever has
// it.
func (e *Executor) yield(ctx context.Context, x *execution, step job.Step) {
	e.awaits(x, step)
	e.Book.Waits(x.Job, step, true)
	err := e.writeNote(ctx, x, x.d.Number())
	switch {
	case err == nil:
		e.Noting.Worked(ctx)
	case !errors.Is(err, job.ErrLost): // a lost lease says nothing about storing notes
		e.Noting.Failed(ctx, err)
	}
	held := x.d.Remaining() > 0
	x.d.Drop() // before the server can deliver it again: this process must then take it as new
	if errors.Is(err, job.ErrLost) || !held {
		e.Book.Lost(ctx, x.Job)
		return
	}
	delay := e.delay(x, step)
	if err == nil {
		err = x.d.Nak(delay)
	}
	if err != nil {
		e.Book.NotReturned(ctx, x.Job, err)
		return
	}
	e.Metrics.HandedBack()
	e.Log.LogAttrs(ctx, slog.LevelDebug, "handed back", x.Attr(), slog.Duration("delay", delay))
}

// delay is how long the server keeps the command. A command that was withdrawn here comes
// at once. A worker that ends adds DrainTime, so that its own last pulls do not get the
// command back.
func (e *Executor) delay(x *execution, step job.Step) time.Duration {
	var delay time.Duration
	nudged := !x.Ending && (x.Cancelled != nil || x.d.Withdrawn() != nil) // since the step was decided on
	if !step.Until.IsZero() && !nudged {
		delay = max(0, time.Until(step.Until)-messages.HandBackEarly)
	}
	select {
	case <-e.Draining:
		return max(delay, intake.DrainTime)
	default:
		return delay
	}
}

// writeNote stores what the next worker must know, and that a delivery ends with that; 0
// for none. Where the command was withdrawn meanwhile, the note says that too.
func (e *Executor) writeNote(ctx context.Context, x *execution, delivery uint64) error {
	const most = 3 // others may write at the same time, each once
	var err error
	for range most {
		if x.d.Remaining() <= 0 {
			return job.ErrLost
		}
		var note uint64
		note, err = e.Book.Notes.Write(ctx, x.Command.ID, x.Note(x.d.Seq, delivery), x.note, x.NotedUntil())
		if err == nil {
			x.note = note
			return nil
		}
		if !errors.Is(err, record.ErrOvertaken) {
			return err
		}
		if taken := e.takeUp(ctx, x); taken != nil && !errors.Is(taken, job.ErrWithdrawn) {
			return taken
		}
	}
	return err
}

// leaveTrace tells the next worker of calls that were made for a command without a claim,
// before it was lost. It is no more than a help: whoever has the command now may know.
func (e *Executor) leaveTrace(ctx context.Context, x *execution) {
	if !x.Called || !x.claimedAt.IsZero() || x.Effect == job.None {
		return
	}
	if _, err := e.Book.Notes.Write(ctx, x.Command.ID, x.Note(x.d.Seq, 0), x.note, x.NotedUntil()); err != nil {
		e.Log.LogAttrs(ctx, slog.LevelInfo, "no note of the calls that were made", x.Attr(), slog.Any("error", err))
	}
}
