package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// While commands keep coming, pulls are short: nats.go keeps what belongs to
	// each for two heartbeats after it has ended.
	busyExpiry    = 5 * time.Second
	busyHeartbeat = time.Second
	// calmLooks is how many periods pass between two looks at a consumer that has
	// nothing to deliver.
	calmLooks = 3
	// pullRetry is the pause after a pull that failed.
	pullRetry = 500 * time.Millisecond
	// lastPull is how long a shutdown waits for messages that the server has
	// already sent; cut off, they would wait for AckWait.
	lastPull = 100 * time.Millisecond
)

// intake pulls commands from the shared consumer, as many as there is room for.
type intake struct {
	nc     *nats.Conn
	log    *slog.Logger
	room   *room
	period time.Duration // how often the consumer's progress is looked at
	bind   func(context.Context) (jetstream.Consumer, error)
	leases *leases
	accept func(context.Context, jetstream.Msg, pulled)

	failed chan error // has one when a pull has failed

	delivered atomic.Uint64 // messages so far
	pending   atomic.Uint64 // waiting on the server, as last seen
	filled    atomic.Bool   // the last pull that ended got all that it asked for
	quiet     bool          // commands waited at the last look, and none has come since; watch's own

	mu       sync.Mutex
	consumer jetstream.Consumer
	stalled  error // why nothing is delivered although something waits
}

func newIntake(nc *nats.Conn, log *slog.Logger, room *room, period time.Duration, consumer jetstream.Consumer,
	bind func(context.Context) (jetstream.Consumer, error), accept func(context.Context, jetstream.Msg, pulled)) *intake {
	in := &intake{nc: nc, log: log, room: room, period: period, consumer: consumer, bind: bind, accept: accept, failed: make(chan error, 1)}
	in.leases = newLeases(nc, log, consumer.CachedInfo(), in.info, func() { in.fail(errAnotherConsumer) })
	return in
}

// run pulls until ctx ends and hands each message to accept with the context work. It
// returns when no pull is under way any more.
func (in *intake) run(ctx, work context.Context) {
	reconnected := in.nc.StatusChanged(nats.CONNECTED)
	defer in.nc.RemoveStatusListener(reconnected)
	f := newFeed(in, work)
	defer f.close()
	for {
		if f.next() {
			continue
		}
		select {
		case <-ctx.Done():
			in.lastOnes(work)
			return
		case <-in.room.changed:
		case <-reconnected:
			// The server has forgotten the pulls of the old connection.
			in.log.LogAttrs(ctx, slog.LevelInfo, "connected to NATS again")
			in.leases.connected()
			f.restart()
		case err := <-in.failed:
			in.log.LogAttrs(ctx, slog.LevelWarn, "pull failed", slog.Any("error", err))
			f.failed(err)
		case <-f.again:
			f.recover(ctx)
		}
	}
}

// lastOnes lets what is on its way arrive, as far as one can know.
func (in *intake) lastOnes(work context.Context) {
	timer := time.NewTicker(lastPull)
	defer timer.Stop()
	for seen := in.delivered.Load(); ; {
		select {
		case <-work.Done():
			return
		case <-timer.C:
		}
		now := in.delivered.Load()
		if now == seen {
			return
		}
		seen = now
	}
}

// pull asks for n messages and accepts what comes.
func (in *intake) pull(open, work context.Context, n int) {
	left := n
	defer func() { in.filled.Store(left == 0); in.room.unfilled(left) }()
	expiry := in.expiry()
	expiring, cancel := context.WithTimeout(open, expiry)
	defer cancel()
	options := []jetstream.FetchOpt{jetstream.FetchContext(expiring)}
	if expiry >= 2*busyHeartbeat && expiry <= busyExpiry {
		options = append(options, jetstream.FetchHeartbeat(busyHeartbeat))
	}
	p := in.leases.pulling()
	batch, err := in.bound().Fetch(n, options...)
	if err == nil {
		for msg := range batch.Messages() {
			left--
			in.delivered.Add(1)
			in.room.delivered()
			in.accept(work, msg, p)
		}
		err = batch.Error()
	}
	if err != nil && open.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
		in.fail(err)
	}
}

// expiry is how long the server keeps a pull open. What a worker that is stopped, and
// cannot say so, gets meanwhile costs AckWait once; and a delivery is proven by its
// pull, so a pull must be younger than a lease.
func (in *intake) expiry() time.Duration {
	expiry := in.leases.ackWait * 3 / 5
	if in.filled.Load() {
		expiry = min(expiry, busyExpiry)
	}
	if limit := in.bound().CachedInfo().Config.MaxRequestExpires; limit > 0 {
		expiry = min(expiry, limit)
	}
	return expiry
}

// fail tells run that a pull has failed. One failure is as good as several.
func (in *intake) fail(err error) {
	select {
	case in.failed <- err:
	default:
	}
}

func (in *intake) bound() jetstream.Consumer {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.consumer
}

// info asks the server for the consumer as it is now.
func (in *intake) info(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	info, err := in.bound().Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the consumer: %w", err)
	}
	return info, nil
}

// errAnotherConsumer: the consumer was deleted and made again.
var errAnotherConsumer = errors.New("the consumer was deleted and made again")

// rebind makes sure that there is a consumer as it must be.
func (in *intake) rebind(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	consumer, err := in.bind(ctx)
	if err == nil {
		if now := consumer.CachedInfo().Config.AckWait; now != in.leases.ackWait {
			err = fmt.Errorf("its ack_wait is %v now, and was %v when this worker started: start the worker anew", now, in.leases.ackWait)
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil {
		in.stalled = fmt.Errorf("the consumer cannot be bound: %w", err)
		return in.stalled
	}
	in.consumer = consumer
	return nil
}

// watch looks at the consumer from time to time: where messages wait, this
// worker has room and none is delivered, it says so and lets it be bound again.
func (in *intake) watch(ctx context.Context) {
	ticker := time.NewTicker(in.period)
	defer ticker.Stop()
	last := in.delivered.Load()
	in.look(ctx, true) // for the metrics; nothing can be stalled yet
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := in.delivered.Load()
		if now == last && in.pending.Load() == 0 && in.progressing() == nil && n%calmLooks != 0 {
			continue
		}
		in.look(ctx, now != last)
		last = now
	}
}

// look asks the server how delivery stands. Where it is not well, and not by an
// operator's wish, the consumer is bound again.
func (in *intake) look(ctx context.Context, moved bool) {
	var trouble error
	info, err := in.info(ctx)
	switch {
	case err != nil:
		trouble = fmt.Errorf("the consumer does not answer: %w", err)
	case info.Paused:
		// An operator's brake: it is said, and not undone.
		trouble = fmt.Errorf("the consumer is paused for another %v: nats consumer resume", info.PauseRemaining.Round(time.Second))
	case !moved && info.NumPending > 0 && info.NumAckPending < info.Config.MaxAckPending && in.room.pulling():
		if in.quiet {
			trouble = fmt.Errorf("%d commands wait on the server and none is delivered", info.NumPending)
		}
		// Once may be a command that is just on its way.
		in.quiet = true
	default:
		in.quiet = false
	}
	if err == nil {
		in.pending.Store(info.NumPending)
	}
	in.mu.Lock()
	in.stalled = trouble
	in.mu.Unlock()
	if trouble == nil || ctx.Err() != nil {
		return
	}
	in.log.LogAttrs(ctx, slog.LevelError, "delivery does not progress", slog.Any("error", trouble))
	if err != nil || !info.Paused {
		in.fail(errStalled)
	}
}

// errStalled: messages wait and none is delivered.
var errStalled = errors.New("delivery does not progress")

// progressing is nil while commands come in, or none is there to come.
func (in *intake) progressing() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.stalled
}
