package record

import (
	"context"
	"log/slog"

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
// message again, and the ledger ends that at once.
func (b *Book) Settle(ctx context.Context, j *job.Job, err error) {
	if err != nil {
		b.Log.LogAttrs(ctx, slog.LevelWarn, "not acknowledged, it will be delivered again", j.Attr(), slog.Any("error", err))
	}
}

func (b *Book) logUnstored(ctx context.Context, j *job.Job, err error) {
	b.Log.LogAttrs(ctx, slog.LevelError, "result not stored, the command will be delivered again", j.Attr(), slog.Any("error", err))
}
