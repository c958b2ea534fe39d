// Package worker is the service: a command comes in, may it run?, call,
// classify, result out, acknowledge. Each step is a file of that name.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/time/rate"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/session"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// Defaults of Config.
const (
	DefaultConcurrency  = 64
	DefaultCallTimeout  = 10 * time.Second
	DefaultDrainTimeout = 25 * time.Second
	DefaultWatchPeriod  = 20 * time.Second
)

// Config is what one worker of one VCC needs. Zero values of optional settings
// mean their defaults.
type Config struct {
	Prefix   messages.Prefix // required
	VCC      string          // required
	Instance string          // name of this worker in results and logs; required
	API      streams.API     // where JetStream is, if not in the account itself

	Gateway    *gateway.Client   // required
	Inspectors []session.Account // required
	Session    SessionOptions

	Confirm      bool                   // see each sign-out before it is reported
	Concurrency  int                    // calls in flight
	Rate         float64                // calls per second, 0 for no limit
	MaxAge       time.Duration          // how late a command without expiresAt may run
	CallTimeout  time.Duration          // of one call; below the consumer's AckWait
	AckWait      time.Duration          // of the consumer if this worker makes it; an existing one keeps its own
	DrainTimeout time.Duration          // how long calls in flight may take to end at a shutdown
	WatchPeriod  time.Duration          // how often delivery is looked at, for readiness and the lag
	Retry        Retry                  // zero fields mean the defaults
	AllowReply   messages.ReplyPatterns // nil means messages.DefaultReplyPatterns
	Retcodes     map[string]Class       // changes to the table of retcodes

	Log     *slog.Logger   // required
	Metrics *admin.Metrics // required
}

// SessionOptions are about inspectors' sessions; zero values mean the defaults.
type SessionOptions struct {
	Lease  time.Duration // of the worker that keeps a session
	CutOff time.Duration // without an answer of the gateway another worker may keep it

	SignInTime time.Duration // of one sign-in
	PollTime   time.Duration // of one poll; below gateway.SessionLife
	LockRetry  time.Duration // between sign-ins to an account that needs a person
	Taken      []string      // retcodes of a sign-in that mean that somebody is signed in

	// For tests that turn a clock: waits between sign-ins, and what time it is.
	Wait func(context.Context, time.Duration) error
	Now  func() time.Time
}

func (o SessionOptions) validate() error {
	switch {
	case o.SignInTime < 0 || o.PollTime < 0 || o.LockRetry < 0:
		return errors.New("sign-in, poll and lock-retry times must be above 0")
	case o.PollTime >= gateway.SessionLife:
		return fmt.Errorf("the poll timeout %v must be below %v, after which the gateway ends a session without polls", o.PollTime, gateway.SessionLife)
	}
	return nil
}

func (c Config) withDefaults() Config {
	setDefault(&c.Concurrency, DefaultConcurrency)
	setDefault(&c.MaxAge, streams.DefaultMaxAge)
	setDefault(&c.CallTimeout, DefaultCallTimeout)
	setDefault(&c.DrainTimeout, DefaultDrainTimeout)
	setDefault(&c.WatchPeriod, DefaultWatchPeriod)
	setDefault(&c.Retry.MaxAttempts, DefaultMaxAttempts)
	setDefault(&c.Retry.Initial, DefaultRetryInitial)
	setDefault(&c.Retry.Max, DefaultRetryMax)
	if c.AllowReply == nil {
		c.AllowReply = messages.DefaultReplyPatterns()
	}
	return c
}

// Validate reports settings that contradict each other or are unusable, as far as
// they can be judged without NATS. It reads the inspectors' files.
func (c Config) Validate() error {
	if _, err := newClassifier(c.Retcodes); err != nil {
		return err
	}
	if err := c.AllowReply.Validate(); err != nil {
		return err
	}
	if err := c.Session.validate(); err != nil {
		return err
	}
	return session.Validate(c.Inspectors)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Worker executes the commands of one VCC. Any number of workers share a VCC.
type Worker struct {
	cfg        Config
	log        *slog.Logger
	metrics    *admin.Metrics
	nc         *nats.Conn
	js         jetstream.JetStream
	gateway    *gateway.Client
	inspectors *session.Pool
	classifier *classifier
	limiter    *rate.Limiter // nil without a limit
	outage     *outage

	commands   jetstream.Stream
	window     time.Duration // in which the command stream finds repeats
	deadStream jetstream.Stream
	letters    *obstacle // storing dead letters
	notes      *obstacle // storing notes
	lookups    *obstacle // whether a command may run
	ledger     *ledger
	parking    *parking
	intake     *intake
	leases     *leases
	room       *room
	outbox     *outbox

	next       chan *held    // for executions that are done with their last
	draining   chan struct{} // closed when the worker shall end
	executions sync.WaitGroup
	telling    sync.WaitGroup // the outbox
	self       string         // this process, in claims
}

// New returns a worker that is ready to run. The streams must exist; the
// consumer is made if it is missing. It reports settings that contradict each
// other and streams that would break a guarantee.
func New(ctx context.Context, nc *nats.Conn, cfg Config) (*Worker, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	classifier, err := newClassifier(cfg.Retcodes)
	if err != nil {
		return nil, err
	}
	js, err := cfg.API.JetStream(nc, jetstream.WithPublishAsyncTimeout(storeTimeout))
	if err != nil {
		return nil, fmt.Errorf("using JetStream: %w", err)
	}
	w := &Worker{
		cfg: cfg, log: cfg.Log, metrics: cfg.Metrics, nc: nc, js: js,
		gateway: cfg.Gateway, classifier: classifier,
		room:     newRoom(cfg.Concurrency, roundTrip(nc)),
		next:     make(chan *held),
		self:     cfg.Instance + "/" + uuid.NewString(),
		draining: make(chan struct{}),
		letters:  newObstacle(cfg.Log, cfg.VCC, "dead letters cannot be stored", "dead letters are stored again"),
		notes:    newObstacle(cfg.Log, cfg.VCC, "notes beside commands cannot be stored", "notes beside commands are stored again"),
		lookups:  newObstacle(cfg.Log, cfg.VCC, "results and notes cannot be looked up", "results and notes are found again"),
	}
	if cfg.Rate > 0 {
		w.limiter = rate.NewLimiter(rate.Limit(cfg.Rate), max(1, int(cfg.Rate)))
	}
	w.outage = newOutage(w.log, cfg.VCC, cfg.Concurrency, w.limitCalls, w.tellGateway)
	if err := w.bind(ctx); err != nil {
		return nil, err
	}
	return w, nil
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

// bind opens what the worker uses of NATS.
func (w *Worker) bind(ctx context.Context) error {
	plan := streams.Plan{Prefix: w.cfg.Prefix, MaxAge: w.cfg.MaxAge, AckWait: w.cfg.AckWait}
	if err := streams.Check(ctx, w.js, plan); err != nil {
		return err
	}
	bind := func(ctx context.Context) (jetstream.Consumer, error) {
		return streams.Bind(ctx, w.js, plan, w.cfg.VCC)
	}
	consumer, err := bind(ctx)
	if err != nil {
		return err
	}
	ackWait := consumer.CachedInfo().Config.AckWait
	if w.cfg.CallTimeout >= ackWait {
		return fmt.Errorf("the call timeout %v must be below the consumer's ack_wait %v, or commands are executed twice", w.cfg.CallTimeout, ackWait)
	}
	plan.AckWait = ackWait // also for one that has to be made anew
	names := streams.NamesOf(w.cfg.Prefix)
	if w.commands, err = w.js.Stream(ctx, names.Commands); err != nil {
		return fmt.Errorf("opening the command stream %s: %w", names.Commands, err)
	}
	w.window = w.commands.CachedInfo().Config.Duplicates
	if w.deadStream, err = w.js.Stream(ctx, names.Dead); err != nil {
		return fmt.Errorf("opening the stream of dead letters %s: %w", names.Dead, err)
	}
	storing := newObstacle(w.log, w.cfg.VCC, "results cannot be stored", "results are stored again")
	if w.ledger, err = openLedger(ctx, w.js, w.cfg.Prefix, names.Results, w.log, storing); err != nil {
		return err
	}
	if w.parking, err = openParking(ctx, w.js, w.cfg.Prefix, w.cfg.VCC, names.Parked); err != nil {
		return err
	}
	if err := w.openInspectors(ctx); err != nil {
		return err
	}
	w.outbox = newOutbox(w.nc, w.js, w.room.maxReporting, w.stored, w.storeAgain)
	w.intake = newIntake(w.nc, w.log, w.cfg.VCC, w.room, w.cfg.WatchPeriod, consumer, bind, w.accept)
	w.leases = w.intake.leases
	return w.restAfterOthers(ctx, consumer.CachedInfo())
}

// openInspectors makes the pool of inspectors, and lets it open and shut the
// intake: without a session nothing is pulled.
func (w *Worker) openInspectors(ctx context.Context) error {
	w.room.open(false)
	pool, err := session.NewPool(ctx, session.Config{
		Prefix: w.cfg.Prefix, VCC: w.cfg.VCC, Instance: w.cfg.Instance,
		NATS: w.nc, API: w.cfg.API, Gateway: w.gateway, Concurrency: w.cfg.Concurrency,
		Listen: w.cfg.Confirm, Lease: w.cfg.Session.Lease, CutOff: w.cfg.Session.CutOff,
		SignInTime: w.cfg.Session.SignInTime, PollTime: w.cfg.Session.PollTime, LockRetry: w.cfg.Session.LockRetry,
		Taken: w.cfg.Session.Taken, Retcodes: w.classifier.retcodes,
		Wait: w.cfg.Session.Wait, Now: w.cfg.Session.Now, Log: w.log,
		Changed: func(now session.Availability) {
			w.log.LogAttrs(context.Background(), slog.LevelInfo, "calls", slog.String("vcc", w.cfg.VCC), slog.String("now", now.String()))
			w.room.open(now == session.Available)
		},
	}, w.cfg.Inspectors)
	w.inspectors = pool
	return err
}

// Run executes commands until the context ends, and then drains: it pulls no
// more, lets calls in flight end, and hands waiting commands back. It returns
// when nothing of it runs any more. Commands that were cut off by DrainTimeout
// are left to redelivery; that is logged and no error.
func (w *Worker) Run(ctx context.Context) {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var background sync.WaitGroup
	background.Go(func() { w.leases.run(work) })
	background.Go(func() { w.ledger.reader.Run(work) })
	background.Go(func() { w.parking.reader.Run(work) })
	background.Go(func() { w.intake.watch(ctx) })
	background.Go(func() { w.inspectors.Run(work) })
	background.Go(func() { w.outage.run(ctx, w.askGateway) })
	background.Go(func() { w.expireUnpulled(ctx) })
	background.Go(func() { w.hearCancels(work) })
	background.Go(func() { w.endWaiting(ctx) })
	background.Go(func() { w.answerStatus(work) })
	w.telling.Go(func() { w.outbox.run(work) })
	w.log.LogAttrs(ctx, slog.LevelInfo, "worker started", slog.String("vcc", w.cfg.VCC), slog.Int("concurrency", w.cfg.Concurrency))

	stopDraining := context.AfterFunc(ctx, func() { close(w.draining) })
	defer stopDraining()
	w.intake.run(ctx, work)

	w.drain(stop)
	background.Wait()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := w.nc.FlushWithContext(flush); err != nil {
		w.log.LogAttrs(flush, slog.LevelWarn, "the last acknowledgements may not have been sent; redelivery finds the results", slog.Any("error", err))
	}
}

// drain waits for the executions and what they have to tell, and cuts them off at the
// drain timeout.
func (w *Worker) drain(stop context.CancelFunc) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.executions.Wait()
		w.outbox.close()
		w.telling.Wait()
	}()
	timer := time.NewTimer(w.cfg.DrainTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		w.log.LogAttrs(context.Background(), slog.LevelWarn, "drain timeout, commands left to redelivery",
			slog.Int("in_hand", w.room.count(starting)+w.room.count(reporting)))
		stop()
		<-done
	}
	stop()
	w.log.LogAttrs(context.Background(), slog.LevelInfo, "worker stopped", slog.String("vcc", w.cfg.VCC))
}

// accept starts a delivered message's life here. It is called for each message
// that room was reserved for.
func (w *Worker) accept(ctx context.Context, msg jetstream.Msg, p pulled) {
	h := w.leases.take(msg, p)
	if h == nil {
		w.room.leave(starting)
		return
	}
	select {
	case w.next <- h:
	default:
		w.executions.Go(func() { w.lives(ctx, h) })
	}
}

// lives takes one message after another. New goroutines would have to grow their
// stacks for each.
func (w *Worker) lives(ctx context.Context, h *held) {
	for {
		w.live(ctx, h)
		select {
		case h = <-w.next:
		case <-w.draining:
			return
		}
	}
}

// live is the sentence of the package comment. A command that is reported is let go
// when the report is stored.
func (w *Worker) live(ctx context.Context, h *held) {
	if x := w.admit(ctx, h); x != nil {
		w.execute(ctx, x)
		if x.phase == reporting {
			return
		}
	}
	w.letGo(h, starting)
}

// letGo ends this worker's part in a command.
func (w *Worker) letGo(h *held, from phase) {
	w.leases.drop(h)
	w.room.leave(from)
}

// Ready is nil while the worker can take and execute commands, and else says
// what is in the way.
func (w *Worker) Ready() error {
	select {
	case <-w.draining:
		return errDraining
	default:
	}
	if !w.nc.IsConnected() {
		return errors.New("not connected to NATS")
	}
	for _, o := range []*obstacle{w.ledger.storing, w.lookups, w.notes, w.letters, w.intake.failing} {
		if err := o.problem(); err != nil {
			return err
		}
	}
	if err := w.intake.progressing(); err != nil {
		return err
	}
	if err := w.outage.problem(); err != nil {
		return err
	}
	usable, problem := w.inspectors.Ready()
	if usable {
		return nil
	}
	return problem
}

// Degraded says which inspectors cannot be used while others can; nil where all
// can.
func (w *Worker) Degraded() error {
	_, problem := w.inspectors.Ready()
	return problem
}

// Gauges are the worker's present numbers, for metrics.
func (w *Worker) Gauges() admin.Gauges {
	days, known := w.inspectors.PasswordDays()
	if !known {
		days = math.NaN()
	}
	return admin.Gauges{
		PasswordDays: days,
		InFlight:     w.inspectors.InFlight(),
		Parked:       w.room.count(waiting),
		InHand:       w.room.count(starting) + w.room.count(waiting) + w.room.count(reporting),
		Pending:      int(w.intake.pending.Load()),
		Unacked:      int(w.intake.unacked.Load()),
		Usable:       w.inspectors.Usable(),
		Down:         w.outage.halted(),
	}
}
