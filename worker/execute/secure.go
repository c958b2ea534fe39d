package execute

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/health"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/record"
)

// A lease keeps two workers from one delivery. It does not keep them from one command:
// the same command may stand in the stream twice, and an old NAK that was held up on its
// way takes a delivery from its holder. So a command that could be doubled is claimed
// before each call, by a note with an expected sequence: one worker writes it, and whoever
// comes later sees it. A call under a claim ends within AckWait of it. Commands that cannot
// be doubled pay nothing.

var (
	// errSettled: the command has a result by now.
	errSettled = errors.New("it has a result already")
	// errTwin: another message holds the same command, and may be executed now. If its
	// holder stopped because of this message's claim, this message comes again.
	errTwin = errors.New("another message is the same command")
)

// secure makes sure that a command which could be doubled is this worker's alone, before
// it is ended, asked about or called for, and has no result yet.
func (e *Executor) secure(ctx context.Context, x *execution) job.Seen {
	if err := e.own(ctx, x); err != nil {
		return e.barred(x, err)
	}
	return job.Seen{What: job.Secured}
}

// own claims the command if it could be doubled, and repeats until NATS answers: without
// an answer the worker must do nothing.
func (e *Executor) own(ctx context.Context, x *execution) error {
	x.Delivery, x.Contested = x.d.Number(), x.d.IsContested()
	if !x.CouldBeDoubled(e.Commands.Window(), time.Now()) || !x.claimedAt.IsZero() && e.isClaimFresh(x) {
		return nil
	}
	if _, err := e.mayCall(x); err != nil {
		return err
	}
	if x.Cancelled == nil && !x.Protected {
		// No claim is written where no inspector could make the call.
		if err := e.Inspectors.Possible(x.wish()); err != nil {
			return err
		}
	}
	return e.insist(ctx, x, func() error { return e.claimUnsettled(ctx, x) })
}

// fence looks again right before a call, where something may have come in between: the
// execution has called before, or has waited long for an inspector.
func (e *Executor) fence(ctx context.Context, x *execution) error {
	switch {
	case !x.Called:
		return e.own(ctx, x)
	case !x.claimedAt.IsZero():
		return e.insist(ctx, x, func() error { return e.claimUnsettled(ctx, x) })
	default:
		return e.insist(ctx, x, func() error { return e.isOpen(ctx, x) })
	}
}

// claimUnsettled claims a command that has no result, and that stands in no other message
// which is executed without a claim.
func (e *Executor) claimUnsettled(ctx context.Context, x *execution) error {
	if err := e.claim(ctx, x); err != nil {
		return err
	}
	// Only now: whoever had it before may have recorded its end until the claim was there.
	ended := e.Book.Ledger.Ask(x.VCC, x.Command.WorkNo, x.Command.ID, false)
	if result, err := e.Book.Ledger.Told(ctx, ended, x.Command.ID); err != nil || result != nil {
		return cmp.Or(err, errSettled)
	}
	if x.HasOwnID {
		return nil
	}
	return e.checkTwin(ctx, x)
}

// isOpen looks for a result and a note of a command that nobody else should have.
func (e *Executor) isOpen(ctx context.Context, x *execution) error {
	ended := e.Book.Ledger.Ask(x.VCC, x.Command.WorkNo, x.Command.ID, false)
	p, note, err := e.Book.Notes.Recall(ctx, x.Command.ID)
	if err == nil && note != x.note {
		err = x.takeUp(e.Process, p, note)
	}
	if err != nil {
		return err
	}
	if result, err := e.Book.Ledger.Told(ctx, ended, x.Command.ID); err != nil || result != nil {
		return cmp.Or(err, errSettled)
	}
	return nil
}

// insist repeats an operation on NATS that decides whether a call may be made, as long as
// the command is held.
func (e *Executor) insist(ctx context.Context, x *execution, operation func() error) error {
	return health.Insist(ctx, func() error {
		if _, err := e.mayCall(x); err != nil {
			return backoff.Permanent(err)
		}
		err := operation()
		if err == nil {
			e.LookingUp.Worked(ctx)
		}
		if errors.Is(err, errSettled) || errors.Is(err, errTwin) || errors.Is(err, job.ErrLost) || errors.Is(err, job.ErrWithdrawn) {
			return backoff.Permanent(err)
		}
		return err
	}, func(err error, wait time.Duration) {
		e.LookingUp.Failed(ctx, err)
		e.Log.LogAttrs(ctx, slog.LevelDebug, "cannot tell yet whether the command may run", x.Attr(),
			slog.Any("error", err), slog.Duration("retry_in", wait))
	})
}

// claim stores that this worker alone may call now.
func (e *Executor) claim(ctx context.Context, x *execution) error {
	const most = 3 // others may write at the same time, each once
	var err error
	for range most {
		at, p := time.Now(), x.Note(x.d.Seq, 0)
		p.Claim, p.ClaimedBy, p.ClaimedAt, p.DueAt = x.d.Number(), e.Process, at, time.Time{}
		var note uint64
		note, err = e.Book.Notes.Write(ctx, x.Command.ID, p, x.note, x.NotedUntil())
		if err == nil {
			x.note, x.claimedAt = note, at
			return nil
		}
		if !errors.Is(err, record.ErrOvertaken) {
			return err
		}
		if err := e.takeUp(ctx, x); err != nil {
			return err
		}
	}
	return err
}

// isClaimFresh reports whether a call that begins now ends within AckWait of the claim.
func (e *Executor) isClaimFresh(x *execution) bool {
	return x.claimedAt.IsZero() || clock.Age(time.Now(), x.claimedAt)+e.Policy.CallTimeout < e.AckWait
}

// takeUp reads the note that somebody has written since the last look.
func (e *Executor) takeUp(ctx context.Context, x *execution) error {
	p, note, err := e.Book.Notes.Recall(ctx, x.Command.ID)
	if err != nil {
		return err
	}
	return x.takeUp(e.Process, p, note)
}
