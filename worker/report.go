package worker

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
)

// report is how a command ended, on its way into the ledger.
type report struct {
	x      *execution
	result messages.Result
	entry  *nats.Msg
	done   func() error // takes the command out of the stream
}

// newReport says in the log where there can be none.
func (w *Worker) newReport(ctx context.Context, x *execution, end ending, done func() error) *report {
	r := w.result(x, end)
	entry, err := w.ledger.entry(r, x.header)
	if err != nil {
		w.logUnstored(ctx, x, err)
		return nil
	}
	return &report{x, r, entry, done}
}

// report ends a command in hand: the result first, then the acknowledgement. Between
// the two a crash costs one look into the ledger, never a second call.
func (w *Worker) report(ctx context.Context, x *execution, end ending) {
	if w.leases.remaining(x.held) <= 0 {
		x.redelivered = true // whoever has it by now may have called as well
	}
	r := w.newReport(ctx, x, end, x.acknowledge)
	if r == nil {
		return
	}
	w.room.move(starting, reporting)
	x.phase = reporting
	w.outbox.in <- outgoing{report: r}
}

// acknowledge takes a command in hand out of the stream.
func (x *execution) acknowledge() error {
	msg, _ := x.held.delivery()
	return msg.Ack()
}

// stored goes on with a command in hand whose result is in the ledger.
func (w *Worker) stored(ctx context.Context, r *report) {
	w.ledger.storing.worked(ctx)
	w.conclude(ctx, r)
	w.letGo(r.x.held, reporting)
}

// storeAgain is for a result that the ledger did not take at once: there may be one
// already, or NATS may be away.
func (w *Worker) storeAgain(ctx context.Context, r *report) {
	w.store(ctx, r)
	w.letGo(r.x.held, reporting)
}

// end ends a command that is not in hand.
func (w *Worker) end(ctx context.Context, x *execution, end ending, done func() error) {
	if r := w.newReport(ctx, x, end, done); r != nil {
		w.store(ctx, r)
	}
}

func (w *Worker) store(ctx context.Context, r *report) {
	stored, err := w.ledger.store(ctx, r.result, r.entry)
	switch {
	case err != nil:
		w.logUnstored(ctx, r.x, err)
	case !bytes.Equal(stored, r.entry.Data):
		// Only the worker whose result the stream took speaks of it.
		w.logSkipped(ctx, r.x, "another worker's result was there first")
		w.settle(ctx, r.x, r.done())
	default:
		w.conclude(ctx, r)
	}
}

func (w *Worker) logUnstored(ctx context.Context, x *execution, err error) {
	w.log.LogAttrs(ctx, slog.LevelError, "result not stored, the command will be delivered again", x.attr(), slog.Any("error", err))
}

// conclude sends the reply about a command whose result is stored, and takes the
// command out of the stream.
func (w *Worker) conclude(ctx context.Context, ended *report) {
	x, r := ended.x, ended.result
	w.reply(ctx, x, ended.entry.Data)
	w.settle(ctx, x, ended.done())
	if x.note != 0 && x.cancelled == nil { // that it was withdrawn is of use longer
		w.parking.forget(x.cmd.ID, x.note)
	}
	w.metrics.Result(r.Outcome, r.Cause)
	level := resultLevel(r.Outcome)
	if !w.log.Enabled(ctx, level) {
		return
	}
	w.log.LogAttrs(ctx, level, "command ended", x.attr(),
		slog.String("outcome", string(r.Outcome)), slog.String("cause", string(r.Cause)), slog.String("retcode", r.Retcode),
		slog.Int("attempts", r.Attempts), slog.String("error", r.Error), slog.Duration("age", r.FinishedAt.Sub(r.IssuedAt)))
}

func (w *Worker) result(x *execution, end ending) messages.Result {
	return messages.Result{
		ID: x.cmd.ID, VCC: w.cfg.VCC, WorkNo: x.cmd.WorkNo, Inspector: x.inspector,
		Reason: x.cmd.Reason, RequestedBy: x.cmd.RequestedBy, Meta: x.cmd.Meta,
		Outcome: end.outcome, Cause: end.cause, Error: end.text,
		Retcode: x.answer.Retcode, Message: x.answer.Message, HTTPStatus: x.answer.HTTPStatus,
		Attempts: x.calls, Redelivered: x.redelivered, Confirmed: x.confirmed,
		IssuedAt: x.issuedAt, StartedAt: x.startedAt, FinishedAt: time.Now(),
		Worker: w.cfg.Instance,
	}
}

// reply sends the stored result to whom the command asked for.
func (w *Worker) reply(ctx context.Context, x *execution, result []byte) {
	if x.cmd.ReplyTo == "" {
		return
	}
	r, err := messages.DecodeResult(result)
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "the stored result is unreadable, no reply", x.attr(), slog.Any("error", err))
		return
	}
	reply := &nats.Msg{Subject: x.cmd.ReplyTo, Data: result, Header: resultHeader(w.cfg.Prefix, r, x.header)}
	if int64(reply.Size()) > w.nc.MaxPayload() {
		for _, name := range traceHeaders() {
			reply.Header.Del(name)
		}
	}
	if err := w.nc.PublishMsg(reply); err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "reply not sent", x.attr(), slog.String("reply_to", x.cmd.ReplyTo), slog.Any("error", err))
	}
}

func resultLevel(o messages.Outcome) slog.Level {
	if o.Success() {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

func (w *Worker) logSkipped(ctx context.Context, x *execution, why string) {
	w.log.LogAttrs(ctx, slog.LevelInfo, "command not executed", x.attr(), slog.String("why", why))
}

func (w *Worker) logLost(ctx context.Context, x *execution) {
	w.metrics.LeaseLost()
	w.log.LogAttrs(ctx, slog.LevelWarn, "lease lost, left to another worker", x.attr())
}
