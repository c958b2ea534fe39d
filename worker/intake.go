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
	// stalledPeriod is how often it is looked at while nothing is delivered.
	stalledPeriod = 2 * time.Second
	// crowdedTime is how long a command may wait for room before it is said.
	crowdedTime = 5 * time.Second
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

	failed  chan error // has one when a pull has failed
	failing *obstacle  // pulls

	delivered atomic.Uint64 // messages so far
	pending   atomic.Uint64 // waiting on the server, as last seen
	unacked   atomic.Int64  // delivered to some worker and not acknowledged, as last seen
	filled    atomic.Bool   // the last pull that ended got all that it asked for
	quiet     bool          // commands waited at the last look, and none has come since; watch's own
	crowded   time.Time     // since when commands wait and there is no room, zero for not; watch's own

	mu       sync.Mutex
	consumer jetstream.Consumer
	stalled  error  // why nothing is delivered although something waits
	said     string // of stalled in the log, without its numbers
}

func newIntake(nc *nats.Conn, log *slog.Logger, vcc string, room *room, period time.Duration, consumer jetstream.Consumer,
	bind func(context.Context) (jetstream.Consumer, error), accept func(context.Context, jetstream.Msg, pulled)) *intake {
	in := &intake{nc: nc, log: log, room: room, period: period, consumer: consumer, bind: bind, accept: accept, failed: make(chan error, 1)}
	in.failing = newObstacle(log, vcc, "commands cannot be pulled", "commands are pulled again")
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
		case _, open := <-reconnected:
			if !open { // the connection is closed for good
				reconnected = nil
				continue
			}
			// The server has forgotten the pulls of the old connection.
			in.log.LogAttrs(ctx, slog.LevelInfo, "connected to NATS again")
			in.leases.connected()
			f.restart()
		case err := <-in.failed:
			in.log.LogAttrs(ctx, slog.LevelDebug, "pull failed", slog.Any("error", err))
			in.failing.failed(ctx, err)
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
	p.out = time.Now()
	if err == nil {
		for msg := range batch.Messages() {
			left--
			in.delivered.Add(1)
			in.flows(work)
			in.room.delivered()
			in.accept(work, msg, p)
		}
		err = batch.Error()
	}
	switch {
	case err == nil:
		in.failing.worked(work)
	case open.Err() == nil && !errors.Is(err, context.DeadlineExceeded):
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
	if err != nil {
		in.stall(ctx, "the consumer cannot be bound", err.Error())
		return err
	}
	in.mu.Lock()
	in.consumer = consumer
	in.mu.Unlock()
	return nil
}

// watch looks at the consumer from time to time: where messages wait, this
// worker has room and none is delivered, it says so and lets it be bound again.
func (in *intake) watch(ctx context.Context) {
	timer := time.NewTimer(in.period)
	defer timer.Stop()
	last := in.delivered.Load()
	in.look(ctx, true) // for the metrics; nothing can be stalled yet
	for n := 0; ; n++ {
		if in.progressing() == nil {
			timer.Reset(in.period)
		} else {
			timer.Reset(min(in.period, stalledPeriod))
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now := in.delivered.Load()
		if now == last && in.pending.Load() == 0 && in.unacked.Load() == 0 && in.progressing() == nil && n%calmLooks != 0 {
			continue
		}
		if !in.look(ctx, now != last) && ctx.Err() == nil {
			in.fail(errStalled)
		}
		last = now
	}
}

// look asks the server how delivery stands and reports whether it is well, or at
// least as an operator wants it.
func (in *intake) look(ctx context.Context, moved bool) bool {
	info, err := in.info(ctx)
	if err != nil {
		// What is said already may be the reason: one trouble is one line.
		if ctx.Err() == nil && in.progressing() == nil {
			in.stall(ctx, "the consumer does not answer", err.Error())
		}
		return false
	}
	in.pending.Store(info.NumPending)
	in.unacked.Store(int64(info.NumAckPending))
	waits := !moved && info.NumPending > 0
	crowded := in.isCrowded(waits)
	quiet := waits && in.room.pulling()
	switch before := in.quiet; {
	case info.Config.AckWait != in.leases.ackWait:
		in.stall(ctx, "the consumer's ack_wait was changed", fmt.Sprintf("from %v to %v: start the worker anew", in.leases.ackWait, info.Config.AckWait))
	case info.Paused:
		// An operator's brake: it is said, and not undone.
		in.stall(ctx, "the consumer is paused", fmt.Sprintf("for another %v: nats consumer resume", info.PauseRemaining.Round(time.Second)))
	case info.NumPending > 0 && info.NumAckPending >= info.Config.MaxAckPending:
		in.stall(ctx, errAckPending, fmt.Sprintf(
			"%d commands are in hand or were handed back to wait, %d others wait for them", info.NumAckPending, info.NumPending))
	case crowded:
		in.stall(ctx, "no room for the commands that wait", fmt.Sprintf(
			"for %v, while %d wait: %s", time.Since(in.crowded).Round(time.Second), info.NumPending, in.room))
	case quiet && before:
		in.stall(ctx, "commands wait on the server and none is delivered", fmt.Sprintf("%d of them", info.NumPending))
		return false
	default:
		// Once may be a command that is just on its way.
		in.quiet = quiet
		in.stall(ctx, "", "")
	}
	return true
}

// errAckPending: new commands wait, though others may come again.
const errAckPending = "max_ack_pending of the consumer is reached"

// isCrowded reports whether commands have waited for too long for room here.
func (in *intake) isCrowded(waits bool) bool {
	switch {
	case !waits || in.room.pulling() || in.room.isShut():
		in.crowded = time.Time{}
		return false
	case in.crowded.IsZero():
		in.crowded = time.Now().Add(-in.period) // none has come since the last look
	}
	return time.Since(in.crowded) >= crowdedTime
}

// stall notes why nothing is delivered, "" for no reason, and says in the log what has
// changed.
func (in *intake) stall(ctx context.Context, why, detail string) {
	in.mu.Lock()
	changed := why != in.said
	in.said, in.stalled = why, nil
	if why != "" {
		in.stalled = errors.New(why + ": " + detail)
	}
	in.mu.Unlock()
	switch {
	case changed && why == "":
		in.log.LogAttrs(ctx, slog.LevelInfo, "delivery progresses again")
	case changed:
		in.log.LogAttrs(ctx, slog.LevelError, "delivery does not progress", slog.String("error", why+": "+detail))
	}
}

// flows says that a command has come.
func (in *intake) flows(ctx context.Context) {
	in.mu.Lock()
	clears := in.stalled != nil && in.said != errAckPending
	in.mu.Unlock()
	in.failing.worked(ctx)
	if clears {
		in.stall(ctx, "", "")
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
