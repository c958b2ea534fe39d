package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// A command is withdrawn by a note beside it (messages.Parked), which every worker
// reads before it executes the command. Workers that have it in hand already are
// nudged. So the holder decides between cancellation and call, and nobody else.

// errWithdrawn ends an attempt right before its call.
var errWithdrawn = errors.New("the command was withdrawn")

// surelyThere is how long before its time a command that was handed back counts as
// being with the server.
const surelyThere = time.Second

// hearCancels takes nudges for what is in hand until the context ends.
func (w *Worker) hearCancels(ctx context.Context) {
	w.eachCancel(ctx, "", func(c messages.Cancel, _ *nats.Msg) { w.leases.withdraw(c.ID, c.By) })
}

// endWaiting ends withdrawn commands that nobody has in hand. One worker of a VCC
// gets each nudge; its answer says that it has looked.
func (w *Worker) endWaiting(ctx context.Context) {
	w.eachCancel(ctx, w.cfg.Prefix.Consumer(w.cfg.VCC), func(c messages.Cancel, m *nats.Msg) {
		if err := w.withdrawWaiting(ctx, c); err != nil {
			w.log.LogAttrs(ctx, slog.LevelWarn, "a withdrawn command is left until it is delivered", slog.String("id", c.ID), slog.Any("error", err))
		}
		_ = m.Respond(nil) // nobody may be waiting for it
	})
}

func (w *Worker) eachCancel(ctx context.Context, queue string, do func(messages.Cancel, *nats.Msg)) {
	sub, err := w.nc.QueueSubscribeSync(w.cfg.Prefix.Cancel(w.cfg.VCC), queue)
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "cannot hear of withdrawn commands", slog.Any("error", err))
		return
	}
	defer func() { _ = sub.Unsubscribe() }()
	for {
		m, err := sub.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, nats.ErrSlowConsumer):
			continue // the notes are there all the same
		case err != nil:
			return
		}
		if c, err := messages.DecodeCancel(m.Data); err == nil {
			do(c, m)
		}
	}
}

// withdrawWaiting ends a withdrawn command that is surely with the server: nobody
// has had it, or it was handed back for longer. Whoever gets it from now on sees
// the note.
func (w *Worker) withdrawWaiting(ctx context.Context, c messages.Cancel) error {
	if c.Sequence == 0 || w.leases.has(c.ID) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	msg, err := streams.LeaderMsg(ctx, w.js, streams.NamesOf(w.cfg.Prefix).Commands, c.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	cmd, err := w.decode(msg.Data)
	if err != nil || cmd.ID != c.ID || msg.Subject != w.cfg.Prefix.Commands(w.cfg.VCC) {
		return nil
	}
	p, _, err := w.parking.recall(ctx, c.ID)
	if err != nil || p.Cancelled == nil {
		return err
	}
	had, err := w.intake.deliveredSoFar(ctx)
	if err != nil {
		return err
	}
	if had.has(c.Sequence, msg.Time) && (p.Sequence != c.Sequence || p.Claim > 0 || time.Until(p.DueAt) < handBackEarly+surelyThere) {
		return nil
	}
	x := w.newExecution(cmd, msg.Header, msg.Time)
	x.recall(p)
	x.cancelled = p.Cancelled
	if x.effect != effectNone {
		return nil // whoever gets it asks for the agent's state
	}
	w.end(ctx, x, *x.withdrawn(), func() error { return w.remove(ctx, c.Sequence) })
	return nil
}

// remove takes a command out of the stream without having it in hand.
func (w *Worker) remove(ctx context.Context, seq uint64) error {
	_, err := streams.Remove(ctx, w.commands, seq)
	return err
}

// withdrawn is the end of a command that was withdrawn, nil for another one.
func (x *execution) withdrawn() *ending {
	by := x.cancelled
	if by == nil && x.held != nil {
		by = x.held.withdrawnBy()
	}
	if by == nil {
		return nil
	}
	return &ending{messages.OutcomeCancelled, messages.CauseCancelled, by.String()}
}

// withdraw is the end of a command that was withdrawn, nil for another one or where the
// end is still open. It tells the truth where the agent may have been signed out all the
// same, by a worker that died or by a call without an answer: that is asked until it is
// answered.
func (w *Worker) withdraw(ctx context.Context, x *execution) (*ending, error) {
	end := x.withdrawn()
	switch {
	case end == nil || x.effect == effectNone:
		return end, nil
	case x.effect == effectClaimed:
		return x.done(gateway.PresenceUnknown), nil
	}
	state, err := w.askState(ctx, x)
	switch {
	case err != nil:
		return nil, err
	case state.Presence == gateway.PresenceSignedOut:
		return x.out(state.State), nil
	case !state.answered:
		w.askLater(x, state)
		return nil, nil
	case time.Now().Before(x.openUntil):
		// The call that is under way may work after this answer.
		x.raise(effectPossible)
		x.dueAt = x.openUntil
		return nil, nil
	case x.effect == effectPossible:
		end.text += "; a call that was made before may have worked, and the gateway does not tell"
	}
	return end, nil
}

// gone is closed when the command is withdrawn; nil where that is known already.
func (x *execution) gone() <-chan struct{} {
	if x.withdrawn() != nil {
		return nil
	}
	return x.held.gone
}
