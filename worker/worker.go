package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/execute"
	"github.com/forcelogout/forcelogout/worker/health"
	"github.com/forcelogout/forcelogout/worker/intake"
	"github.com/forcelogout/forcelogout/worker/outage"
	"github.com/forcelogout/forcelogout/worker/record"
	"github.com/forcelogout/forcelogout/worker/sweep"
)

// Worker executes the commands of one VCC. Any number of workers share a VCC.
type Worker struct {
	cfg      Config
	nc       *nats.Conn
	intake   *intake.Intake
	crew     *crew
	executor *execute.Executor
	book     *record.Book
	sweeper  *sweep.Sweeper
	throttle *throttle
	board    *health.Board
	draining chan struct{} // closed when the worker shall end
}

// New returns a worker that is ready to run. The streams must exist; the
// consumer is made if it is missing. It reports settings that contradict each
// other and streams that would break a guarantee.
func New(ctx context.Context, nc *nats.Conn, cfg Config) (*Worker, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	js, err := cfg.API.JetStream(nc, jetstream.WithPublishAsyncTimeout(record.StoreTimeout))
	if err != nil {
		return nil, fmt.Errorf("using JetStream: %w", err)
	}
	b, err := bind(ctx, js, cfg)
	if err != nil {
		return nil, err
	}
	w := &Worker{cfg: cfg, nc: nc, draining: make(chan struct{})}
	w.throttle = &throttle{
		cfg: cfg, nc: nc, gate: outage.NewGate(cfg.Concurrency), capacity: intake.NewCapacity(cfg.Concurrency, roundTrip(nc)),
	}
	w.throttle.capacity.Open(false) // until there is a session
	if err := w.build(ctx, js, b); err != nil {
		return nil, err
	}
	return w, w.intake.RestAfterOthers(ctx, js, cfg.Prefix, cfg.VCC)
}

// roundTrip is how far NATS is, the shortest of a few tries; zero where it is not
// known.
func roundTrip(nc *nats.Conn) time.Duration {
	var shortest time.Duration
	for range 3 {
		if took, err := nc.RTT(); err == nil && (shortest == 0 || took < shortest) {
			shortest = took
		}
	}
	return shortest
}
