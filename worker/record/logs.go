package record

import (
	"context"
	"errors"
	"log/slog"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/worker/job"
)

// Skipped says in the log why a command is not executed.
func (b *Book) Skipped(ctx context.Context, j *job.Job, why string) {
	b.Log.LogAttrs(ctx, slog.LevelInfo, "command not executed", j.Attr(), slog.String("why", why))
}

// Lost says that another worker has the command by now.
func (b *Book) Lost(ctx context.Context, j *job.Job) {
	b.Metrics.LeaseLost()
	b.Log.LogAttrs(ctx, slog.LevelWarn, "lease lost, left to another worker", j.Attr())
}

// Settle logs where an acknowledgement could not be sent. The server then delivers the
// message again, and the ledger ends that at once. A lost connection is one trouble for
// all commands in hand and is told once, by the connection: here it is worth a debug line.
func (b *Book) Settle(ctx context.Context, j *job.Job, err error) {
	if err != nil {
		b.Log.LogAttrs(ctx, unsentLevel(err), "not acknowledged, it will be delivered again", j.Attr(), slog.Any("error", err))
	}
}

// NotReturned says that a command could not be given back to the server.
func (b *Book) NotReturned(ctx context.Context, j *job.Job, err error) {
	b.Log.LogAttrs(ctx, unsentLevel(err), "not handed back, the server redelivers it after AckWait", j.Attr(), slog.Any("error", err))
}

// unsentLevel is that of a line about one command for which nothing could be sent.
func unsentLevel(err error) slog.Level {
	if isUnconnected(err) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// isUnconnected reports whether nothing was sent because there is no connection. The
// library has no name for it but the state of its buffer, which has no room (0 bytes).
func isUnconnected(err error) bool {
	return errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionReconnecting) ||
		errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrDisconnected)
}

func (b *Book) logUnstored(ctx context.Context, j *job.Job, err error) {
	b.Log.LogAttrs(ctx, slog.LevelError, "result not stored, the command will be delivered again", j.Attr(), slog.Any("error", err))
}
