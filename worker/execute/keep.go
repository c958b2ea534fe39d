package execute

import (
	"context"
	"log/slog"

	"github.com/forcelogout/forcelogout/worker/job"
)

// keep notes that the agent is signed out, before the command waits for its last look.
func (e *Executor) keep(ctx context.Context, x *execution) job.Seen {
	err := e.writeNote(ctx, x, 0)
	if err != nil {
		e.Log.LogAttrs(ctx, slog.LevelInfo, "a sign-out could not be noted, it is reported without another look", x.Attr(), slog.Any("error", err))
	}
	return job.Seen{What: job.Kept, Err: err}
}
