package worker

import (
	"context"

	"github.com/google/uuid"
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

// obstacles are what may stand in a worker's way; the board tells of them.
type obstacles struct {
	storing, lookups, notes, burying, extending, pulling, protecting *health.Obstacle
}

func newObstacles(b *health.Board) obstacles {
	return obstacles{
		storing:    b.Add("results cannot be stored", "results are stored again"),
		lookups:    b.Add("results and notes cannot be looked up", "results and notes are found again"),
		notes:      b.Add("notes beside commands cannot be stored", "notes beside commands are stored again"),
		burying:    b.Add("dead letters cannot be stored", "dead letters are stored again"),
		extending:  b.Add("leases cannot be extended", "leases hold again"),
		pulling:    b.Add("commands cannot be pulled", "commands are pulled again"),
		protecting: b.Add("the protected agents cannot be read again, the last list counts", "the protected agents are read again"),
	}
}

// build makes the parts, each from what it needs.
func (w *Worker) build(ctx context.Context, js jetstream.JetStream, b *bound) error {
	cfg := w.cfg
	table, err := retcode.New(cfg.Retcodes)
	if err != nil {
		return err
	}
	w.board = health.NewBoard(cfg.Log, cfg.VCC)
	o := newObstacles(w.board)
	if err := w.openInspectors(ctx, table); err != nil {
		return err
	}
	w.book = record.NewBook(record.Config{
		NATS: w.nc, JS: js, Prefix: cfg.Prefix, VCC: cfg.VCC, Instance: cfg.Instance,
		Ledger: record.NewLedger(js, b.results, cfg.Prefix, cfg.Log, o.storing), Notes: record.NewNotes(js, b.parked, cfg.Prefix, cfg.VCC),
		Most: w.throttle.capacity.MaxReporting(), Log: cfg.Log, Metrics: cfg.Metrics,
	})
	w.crew = &crew{next: make(chan *intake.Delivery), draining: w.draining}
	w.intake = intake.New(intake.Config{
		NATS: w.nc, Log: cfg.Log, VCC: cfg.VCC, Capacity: w.throttle.capacity, Period: cfg.WatchPeriod,
		Consumer: b.consumer, Bind: b.again, Accept: w.crew.take,
		Pulling: o.pulling, Extending: o.extending,
	})
	return w.buildSteps(ctx, js, b, job.NewClassifier(table), o)
}

// buildSteps makes what a command passes once it is delivered.
func (w *Worker) buildSteps(ctx context.Context, js jetstream.JetStream, b *bound, classifier *job.Classifier, o obstacles) error {
	cfg := w.cfg
	letters := &record.Letters{
		NATS: w.nc, JS: js, Stream: b.dead, Prefix: cfg.Prefix, VCC: cfg.VCC, Storing: o.burying, Log: cfg.Log, Metrics: cfg.Metrics,
	}
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
		Noting: o.notes, LookingUp: o.lookups, Protecting: o.protecting, Draining: w.draining, Log: cfg.Log, Metrics: cfg.Metrics,
	})
	admitter := admit.New(admit.Config{
		NATS: w.nc, JS: js, Prefix: cfg.Prefix, Instance: cfg.Instance, AckWait: w.intake.AckWait(), Reader: reader,
		Classifier: classifier, Commands: commands, Book: w.book, Letters: letters, LookingUp: o.lookups,
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
		Intake: w.intake, Commands: commands, Book: w.book, Letters: letters, LookingUp: o.lookups, Log: cfg.Log,
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
