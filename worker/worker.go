package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/admit"
	"github.com/forcelogout/forcelogout/worker/execute"
	"github.com/forcelogout/forcelogout/worker/health"
	"github.com/forcelogout/forcelogout/worker/intake"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/outage"
	"github.com/forcelogout/forcelogout/worker/pace"
	"github.com/forcelogout/forcelogout/worker/record"
	"github.com/forcelogout/forcelogout/worker/retcode"
	"github.com/forcelogout/forcelogout/worker/session"
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

// build makes the parts, each from what it needs.
func (w *Worker) build(ctx context.Context, js jetstream.JetStream, b *bound) error {
	cfg := w.cfg
	table, err := retcode.New(cfg.Retcodes)
	if err != nil {
		return err
	}
	w.board = health.NewBoard(cfg.Log, cfg.VCC)
	storing := w.board.Add("results cannot be stored", "results are stored again")
	lookups := w.board.Add("results and notes cannot be looked up", "results and notes are found again")
	notes := w.board.Add("notes beside commands cannot be stored", "notes beside commands are stored again")
	burying := w.board.Add("dead letters cannot be stored", "dead letters are stored again")
	extending := w.board.Add("leases cannot be extended", "leases hold again")
	pulling := w.board.Add("commands cannot be pulled", "commands are pulled again")
	protecting := w.board.Add("the protected agents cannot be read again, the last list counts", "the protected agents are read again")
	if err := w.openInspectors(ctx, table); err != nil {
		return err
	}
	w.book = record.NewBook(record.Config{
		NATS: w.nc, JS: js, Prefix: cfg.Prefix, VCC: cfg.VCC, Instance: cfg.Instance,
		Ledger: record.NewLedger(js, b.results, cfg.Prefix, cfg.Log, storing), Notes: record.NewNotes(js, b.parked, cfg.Prefix, cfg.VCC),
		Most: w.throttle.capacity.MaxReporting(), Log: cfg.Log, Metrics: cfg.Metrics,
	})
	letters := &record.Letters{
		NATS: w.nc, JS: js, Stream: b.dead, Prefix: cfg.Prefix, VCC: cfg.VCC, Storing: burying, Log: cfg.Log, Metrics: cfg.Metrics,
	}
	w.crew = &crew{next: make(chan *intake.Delivery), draining: w.draining}
	w.intake = intake.New(intake.Config{
		NATS: w.nc, Log: cfg.Log, VCC: cfg.VCC, Capacity: w.throttle.capacity, Period: cfg.WatchPeriod,
		Consumer: b.consumer, Bind: b.again, Accept: w.crew.take,
		Pulling: pulling, Extending: extending,
	})
	classifier := job.NewClassifier(table)
	reader := job.Reader{VCC: cfg.VCC, Prefix: cfg.Prefix, AllowReply: cfg.AllowReply, MaxAge: cfg.MaxAge, Grace: cfg.Grace}
	commands := record.NewCommands(js, b.commands, cfg.Prefix, cfg.VCC)
	turns, err := pace.New(ctx, js, cfg.Prefix, cfg.VCC, cfg.MaxPerMinute)
	if err != nil {
		return err
	}
	w.executor = execute.New(execute.Config{
		Process: cfg.Instance + "/" + uuid.NewString(), AckWait: w.intake.AckWait(),
		Policy: job.Policy{Retry: cfg.Retry, CallTimeout: cfg.CallTimeout, Confirm: cfg.Confirm, TrialPause: outage.TrialPause},
		Rate:   cfg.Rate, Pace: turns, Protected: cfg.Protected,
		Classifier: classifier, Gateway: cfg.Gateway, Inspectors: w.throttle.inspectors, Gate: w.throttle.gate, Commands: commands, Book: w.book,
		Noting: notes, LookingUp: lookups, Protecting: protecting, Draining: w.draining, Log: cfg.Log, Metrics: cfg.Metrics,
	})
	admitter := admit.New(admit.Config{
		NATS: w.nc, JS: js, Prefix: cfg.Prefix, Instance: cfg.Instance, AckWait: w.intake.AckWait(), Reader: reader,
		Classifier: classifier, Commands: commands, Book: w.book, Letters: letters, LookingUp: lookups,
		Draining: w.draining, Log: cfg.Log, Metrics: cfg.Metrics,
	})
	// The sentence of the package comment, for one delivery.
	w.crew.work = func(ctx context.Context, d *intake.Delivery) {
		if j, note := admitter.Admit(ctx, d); j != nil {
			w.executor.Run(ctx, d, j, note)
		} else {
			d.Release()
		}
	}
	w.sweeper = sweep.New(sweep.Config{
		NATS: w.nc, JS: js, Prefix: cfg.Prefix, Reader: reader, Classifier: classifier, Capacity: w.throttle.capacity,
		Intake: w.intake, Commands: commands, Book: w.book, Letters: letters, LookingUp: lookups, Log: cfg.Log,
	})
	return nil
}

// openInspectors makes the pool of inspectors.
func (w *Worker) openInspectors(ctx context.Context, table *retcode.Table) (err error) {
	cfg := w.cfg
	w.throttle.inspectors, err = session.NewPool(ctx, session.Config{
		Prefix: cfg.Prefix, VCC: cfg.VCC, Instance: cfg.Instance,
		NATS: w.nc, API: cfg.API, Gateway: cfg.Gateway, Concurrency: cfg.Concurrency,
		Listen: cfg.Confirm, Lease: cfg.Session.Lease, CutOff: cfg.Session.CutOff,
		SignInTime: cfg.Session.SignInTime, PollTime: cfg.Session.PollTime, LockRetry: cfg.Session.LockRetry,
		Taken: cfg.Session.Taken, Retcodes: table,
		Wait: cfg.Session.Wait, Now: cfg.Session.Now, Log: cfg.Log,
	}, cfg.Inspectors)
	return err
}
