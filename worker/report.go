package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
)

// report ends a command: the result first, then the acknowledgement. Between
// the two a crash costs one look into the ledger, never a second call.
func (w *Worker) report(ctx context.Context, x *execution, end ending) {
	w.room.move(starting, reporting)
	x.phase = reporting
	w.conclude(ctx, x, end, func() error {
		msg, _ := x.held.delivery()
		return msg.Ack()
	})
}

// conclude stores a command's result, sends the reply and then takes the command
// out of the stream.
func (w *Worker) conclude(ctx context.Context, x *execution, end ending, done func() error) {
	r := w.result(x, end)
	stored, err := w.ledger.store(ctx, r, resultHeader(w.cfg.Prefix, r, x.header))
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "result not stored, the command will be delivered again", x.attr(), slog.Any("error", err))
		return
	}
	w.reply(ctx, x, stored)
	w.settle(ctx, x, done())
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
