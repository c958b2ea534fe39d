package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// setUp makes the streams that are missing, unless somebody else does.
func (c *workerCommand) setUp(ctx context.Context, nc *nats.Conn, configs []worker.Config, log *slog.Logger) error {
	if c.NoSetup {
		return nil
	}
	plan := streams.Plan{Prefix: configs[0].Prefix, ResultsMaxAge: c.ResultsMaxAge}
	for _, cfg := range configs {
		plan.MaxAge = max(plan.MaxAge, cfg.MaxAge)
	}
	return setUp(ctx, nc, configs[0].API, plan, log)
}

// startTime is how long a start waits for JetStream to answer. A user without the rights
// gets no answer either, and has to hear of it.
const startTime = 5 * time.Minute

// untilAnswered repeats a step of the start that failed because JetStream does not answer,
// as while its servers elect a leader: whoever starts a worker at that moment need not
// start it again.
func untilAnswered(ctx context.Context, log *slog.Logger, step func() error) error {
	pauses := backoff.NewExponentialBackOff(backoff.WithInitialInterval(time.Second), backoff.WithMaxInterval(10*time.Second), backoff.WithMaxElapsedTime(startTime))
	return backoff.RetryNotify(func() error {
		err := step()
		if err != nil && !streams.IsPassing(err) {
			return backoff.Permanent(err)
		}
		return err
	}, backoff.WithContext(pauses, ctx), func(err error, wait time.Duration) {
		log.LogAttrs(ctx, slog.LevelWarn, "JetStream does not answer yet, still starting", slog.Any("error", err), slog.Duration("retry_in", wait))
	})
}

func newWorkers(ctx context.Context, nc *nats.Conn, configs []worker.Config) ([]*worker.Worker, error) {
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	workers := make([]*worker.Worker, len(configs))
	for i, cfg := range configs {
		w, err := worker.New(ctx, nc, cfg)
		if err != nil {
			return nil, err
		}
		workers[i] = w
	}
	return workers, nil
}

func setUp(ctx context.Context, nc *nats.Conn, api streams.API, plan streams.Plan, log *slog.Logger) error {
	js, err := api.JetStream(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	changes, err := streams.Setup(ctx, js, plan)
	for _, change := range changes {
		log.LogAttrs(ctx, slog.LevelInfo, "set up", slog.String("object", change.Object), slog.String("action", change.Action))
	}
	return err
}

func stopServer(ctx context.Context, server *embedded.Server, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), setupTimeout)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		log.LogAttrs(ctx, slog.LevelError, "embedded NATS", slog.Any("error", err))
	}
}
