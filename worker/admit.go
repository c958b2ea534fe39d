package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
)

// admit answers: may it run? It returns nil where the message needs no further
// work: invalid, a repeat, done already, or not ours any more.
func (w *Worker) admit(ctx context.Context, h *held) *execution {
	msg, _ := h.delivery()
	cmd, err := w.decode(msg.Data())
	if err != nil {
		w.bury(ctx, h, err)
		return nil
	}
	x := w.newExecution(cmd, msg.Headers(), h.stored)
	x.held = h
	if !w.isAlone(ctx, x) {
		return nil
	}
	for {
		if w.isSettled(ctx, x) {
			return nil
		}
		until := earlier(x.restUntil, x.expires)
		if !until.After(time.Now()) {
			return x
		}
		if !w.rest(ctx, x, until) {
			return nil
		}
	}
}

// isAlone waits until nobody else in this process is at the command. An execution that
// has lost the same message may still be in a call. A repeat in another message is left
// to the server, which delivers it again after AckWait: the command has ended then, or
// its note says where it stands.
func (w *Worker) isAlone(ctx context.Context, x *execution) bool {
	for {
		other := w.leases.claim(x.held, x.cmd.ID)
		switch {
		case other == nil:
			return true
		case other.seq != x.held.seq && w.leases.remaining(other) > 0:
			w.logSkipped(ctx, x, "the same command is in hand")
			return false
		case w.leases.remaining(x.held) <= 0:
			w.logLost(ctx, x)
			return false
		}
		if w.aside(ctx, other.ended, w.leases.remaining(x.held)); ctx.Err() != nil {
			return false
		}
	}
}

// rest lets the time pass until a command is this worker's alone. It returns false where
// the worker ends first: the command is left to AckWait, because a note that it was handed
// back would hide whose claim it waits for. That the command was withdrawn does not end the rest: somebody's call
// may be under way, and a question that is answered before it works would be answered
// wrongly.
func (w *Worker) rest(ctx context.Context, x *execution, until time.Time) bool {
	w.log.LogAttrs(ctx, slog.LevelInfo, "command rests, another worker may be at it", x.attr(), slog.Time("until", until))
	return w.pause(ctx, until, nil) == pauseOver
}

// decode reads a command that is valid here. Nothing else may be executed, ended or
// answered.
func (w *Worker) decode(data []byte) (messages.Command, error) {
	cmd, err := messages.DecodeCommand(data)
	if err == nil && cmd.ReplyTo != "" {
		err = w.allowReply(cmd.ReplyTo)
	}
	return cmd, err
}

func (w *Worker) allowReply(subject string) error {
	if w.cfg.Prefix.Owns(subject) {
		return &messages.InvalidError{Field: "replyTo", Problem: "is one of forcelogout's own subjects"}
	}
	return w.cfg.AllowReply.Allow(subject)
}

// newExecution settles the command's times.
func (w *Worker) newExecution(cmd messages.Command, header nats.Header, stored time.Time) *execution {
	x := &execution{vcc: w.cfg.VCC, header: header, cmd: cmd, issuedAt: cmd.IssuedAt, dueAt: cmd.NotBefore, expires: cmd.ExpiresAt}
	if x.issuedAt.IsZero() {
		x.issuedAt = storedAt(header, stored)
	}
	if x.expires.IsZero() {
		x.expires = later(later(x.issuedAt, cmd.NotBefore), cmd.GraceUntil).Add(w.cfg.MaxAge)
	}
	return x
}

// headerStored carries the time at which the stream first stored a command that an
// earlier version of the worker has published again.
const headerStored = "Forcelogout-Stored-At"

func storedAt(header nats.Header, stored time.Time) time.Time {
	first, err := time.Parse(time.RFC3339Nano, header.Get(headerStored))
	// Only an earlier time is believed: a later one would lengthen the command's life.
	if err != nil || first.After(stored) {
		return stored
	}
	return first
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// isSettled looks for the command's result and for how far it got before. It
// keeps asking until NATS answers: not knowing, the worker must not call.
func (w *Worker) isSettled(ctx context.Context, x *execution) bool {
	var result []byte
	var repeat bool
	err := insist(ctx, func() (err error) {
		if w.leases.remaining(x.held) <= 0 {
			return backoff.Permanent(errLeaseLost)
		}
		// Both at once: NATS may be far.
		isNew := !x.couldBeDoubled(w.window, time.Now())
		note, ended := w.parking.ask(x.cmd.ID, isNew), w.ledger.ask(w.cfg.VCC, x.cmd.WorkNo, x.cmd.ID, isNew)
		if result, err = w.ledger.told(ctx, ended, x.cmd.ID); err != nil || result != nil {
			return err
		}
		if isNew && !w.leases.isProven(ctx, x.held) {
			return errUnproven
		}
		repeat, err = w.resume(ctx, x, note)
		return err
	}, func(err error, wait time.Duration) {
		w.lookups.failed(ctx, err)
		w.log.LogAttrs(ctx, slog.LevelDebug, "cannot tell yet whether the command may run", x.attr(),
			slog.Any("error", err), slog.Duration("retry_in", wait))
	})
	if err == nil {
		w.lookups.worked(ctx)
	}
	msg, _ := x.held.delivery()
	switch {
	case errors.Is(err, errLeaseLost):
		w.logLost(ctx, x)
	case err != nil:
	case result != nil:
		w.logSkipped(ctx, x, "it has a result already")
		w.reply(ctx, x, result)
		w.settle(ctx, x, msg.Ack())
	case repeat:
		w.logSkipped(ctx, x, "the same command stands in another message")
		w.settle(ctx, x, msg.Ack())
	default:
		return false
	}
	return true
}

// settle logs where an acknowledgement could not be sent. The server then
// delivers the message again, and the ledger ends that at once.
func (w *Worker) settle(ctx context.Context, x *execution, err error) {
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "not acknowledged, it will be delivered again", x.attr(), slog.Any("error", err))
	}
}
