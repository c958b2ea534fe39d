package worker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
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
	// errTwin: another message is the same command, and may be executed at this moment. If
	// it is not, because its holder has seen this one's claim, this one comes again.
	errTwin = errors.New("another message is the same command")
)

// couldBeDoubled reports whether another worker may have the same command in hand, from
// this message or another one. The stream's window keeps repeats out only while it lasts,
// and only of commands with a Nats-Msg-Id; so a command that lives longer than the window
// could be there twice, and where a publisher fixed its end alone nobody knows how long it
// lives.
func (x *execution) couldBeDoubled(window time.Duration, now time.Time) bool {
	_, delivery := x.held.delivery()
	endOnly := x.cmd.IssuedAt.IsZero() && !x.cmd.ExpiresAt.IsZero()
	return delivery > 1 || x.held.doubtful || x.redelivered || !x.hasOwnID() || endOnly ||
		now.Sub(x.held.stored) >= window || x.expires.Sub(earlier(x.issuedAt, x.held.stored)) > window
}

// hasOwnID reports whether the message came with the Nats-Msg-Id by which the stream
// finds repeats. The bare id, which publishers may set too, lets a copy under the other
// one pass.
func (x *execution) hasOwnID() bool {
	return x.header.Get(jetstream.MsgIDHeader) == messages.MessageID(x.vcc, x.cmd.ID)
}

// secure makes sure that a command which could be doubled is this worker's alone, before
// it is ended, asked about or called for, and has no result yet. It insists: not knowing,
// the worker must do nothing.
func (w *Worker) secure(ctx context.Context, x *execution) error {
	if !x.couldBeDoubled(w.window, time.Now()) || !x.claimedAt.IsZero() && w.isClaimFresh(x) {
		return nil
	}
	if _, err := w.mayCall(x); err != nil {
		return err
	}
	if x.withdrawn() == nil {
		// A claim is not worth its note where no call can be made.
		if err := w.inspectors.Possible(x.wish()); err != nil {
			return err
		}
	}
	return w.insistOn(ctx, x, func() error { return w.claimUnsettled(ctx, x) })
}

// fence looks again right before a call, where something may have come in between: the
// execution has called before, or has waited long for an inspector.
func (w *Worker) fence(ctx context.Context, x *execution) error {
	switch {
	case !x.called:
		return w.secure(ctx, x)
	case !x.claimedAt.IsZero():
		return w.insistOn(ctx, x, func() error { return w.claimUnsettled(ctx, x) })
	default:
		return w.insistOn(ctx, x, func() error { return w.isOpen(ctx, x) })
	}
}

// claimUnsettled claims a command that has no result, and that stands in no other message
// which is executed without a claim.
func (w *Worker) claimUnsettled(ctx context.Context, x *execution) error {
	ended := w.ledger.ask(w.cfg.VCC, x.cmd.WorkNo, x.cmd.ID, false)
	if err := w.claim(ctx, x); err != nil {
		return err
	}
	if result, err := w.ledger.told(ctx, ended, x.cmd.ID); err != nil || result != nil {
		return cmp.Or(err, errSettled)
	}
	if x.hasOwnID() {
		return nil
	}
	return w.checkTwin(ctx, x)
}

// isOpen looks for a result and a note of a command that nobody else should have.
func (w *Worker) isOpen(ctx context.Context, x *execution) error {
	ended := w.ledger.ask(w.cfg.VCC, x.cmd.WorkNo, x.cmd.ID, false)
	p, note, err := w.parking.recall(ctx, x.cmd.ID)
	if err == nil && note != x.note {
		err = x.takeUp(w.self, p, note)
	}
	if err != nil {
		return err
	}
	if result, err := w.ledger.told(ctx, ended, x.cmd.ID); err != nil || result != nil {
		return cmp.Or(err, errSettled)
	}
	return nil
}

// insistOn repeats an operation on NATS that decides whether a call may be made, as long
// as the command is held.
func (w *Worker) insistOn(ctx context.Context, x *execution, operation func() error) error {
	return insist(ctx, func() error {
		if _, err := w.mayCall(x); err != nil {
			return backoff.Permanent(err)
		}
		err := operation()
		if err == nil {
			w.lookups.worked(ctx)
		}
		if errors.Is(err, errSettled) || errors.Is(err, errTwin) || errors.Is(err, errLeaseLost) || errors.Is(err, errWithdrawn) {
			return backoff.Permanent(err)
		}
		return err
	}, func(err error, wait time.Duration) {
		w.lookups.failed(ctx, err)
		w.log.LogAttrs(ctx, slog.LevelDebug, "cannot tell yet whether the command may run", x.attr(),
			slog.Any("error", err), slog.Duration("retry_in", wait))
	})
}

// claim stores that this worker alone may call now.
func (w *Worker) claim(ctx context.Context, x *execution) error {
	const most = 3 // others may write at the same time, each once
	var err error
	for range most {
		_, delivery := x.held.delivery()
		at, p := time.Now(), x.parked(0)
		p.Claim, p.ClaimedBy, p.ClaimedAt, p.DueAt = delivery, w.self, at, time.Time{}
		var note uint64
		note, err = w.parking.note(ctx, x.cmd.ID, p, x.note, x.expires)
		if err == nil {
			x.note, x.claimedAt = note, at
			return nil
		}
		if !errors.Is(err, errOvertaken) {
			return err
		}
		last, note, recallErr := w.parking.recall(ctx, x.cmd.ID)
		if recallErr != nil {
			return recallErr
		}
		if err := x.takeUp(w.self, last, note); err != nil {
			return err
		}
	}
	return err
}

// isClaimFresh reports whether a call that begins now ends within AckWait of the claim.
func (w *Worker) isClaimFresh(x *execution) bool {
	return x.claimedAt.IsZero() || age(time.Now(), x.claimedAt)+w.cfg.CallTimeout < w.leases.ackWait
}

// takeUp decides what a note means that somebody has written since the last look. The
// command is lost where another delivery has claimed it, was handed back or has ended it;
// what an earlier delivery has left late is taken over.
func (x *execution) takeUp(self string, p messages.Parked, note uint64) error {
	_, delivery := x.held.delivery()
	ours := p.Sequence == x.held.seq
	othersClaim := p.Claim != 0 && (p.Claim > delivery || p.ClaimedBy != self)
	switch {
	case hasEnded(p, note), p.Sequence != 0 && !ours, ours && othersClaim, ours && p.Delivery >= delivery:
		return errLeaseLost
	case ours && p.Claim == 0 && p.Delivery != delivery-1:
		x.calls, x.spent = max(x.calls, p.Calls), max(x.spent, p.Spent)
		x.doubt()
		if p.SignedOut {
			x.raise(effectClaimed)
		}
	}
	x.note, x.cancelled = note, p.Cancelled
	if p.Cancelled != nil {
		return errWithdrawn
	}
	return nil
}

// isThere reports whether a message of the stream is the same command. After the stream
// was made anew a sequence may be another command's.
func (w *Worker) isThere(ctx context.Context, seq uint64, x *execution) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	msg, err := streams.LeaderMsg(ctx, w.js, streams.NamesOf(w.cfg.Prefix).Commands, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	cmd, err := messages.DecodeCommand(msg.Data)
	return err == nil && msg.Subject == w.cfg.Prefix.Commands(w.cfg.VCC) && cmd.ID == x.cmd.ID && cmd.WorkNo == x.cmd.WorkNo, nil
}
