package intake

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/health"
)

const (
	// While commands keep coming, pulls are short: nats.go keeps what belongs to
	// each for two heartbeats after it has ended.
	busyExpiry    = 5 * time.Second
	busyHeartbeat = time.Second
	// askTime bounds a question to the server.
	askTime = 5 * time.Second
	// pullRetry is the pause after a pull that failed.
	pullRetry = 500 * time.Millisecond
	// lastPull is how long a shutdown waits for messages that the server has
	// already sent; cut off, they would wait for AckWait.
	lastPull = 100 * time.Millisecond
)

// DrainTime is how long the pulls of a worker that ends may still get something.
const DrainTime = 3 * lastPull

// Config is what an Intake needs; all of it is required.
type Config struct {
	NATS               *nats.Conn
	Log                *slog.Logger
	VCC                string
	Capacity           *Capacity
	Period             time.Duration // how often the consumer's progress is looked at
	Consumer           jetstream.Consumer
	Bind               func(context.Context) (jetstream.Consumer, error) // the consumer again, as it must be
	Pulling, Extending *health.Obstacle                                  // commands, and their leases

	Accept func(context.Context, *Delivery) // is given each delivery, to be released once; it returns at once
}

// Intake pulls commands from the shared consumer, as many as there is capacity for.
type Intake struct {
	nc       *nats.Conn
	log      *slog.Logger
	capacity *Capacity
	period   time.Duration
	bind     func(context.Context) (jetstream.Consumer, error)
	leases   *leases
	accept   func(context.Context, *Delivery)

	failed    chan error       // has one when a pull has failed
	swallowed chan struct{}    // has one when a message may have been given to nobody
	failing   *health.Obstacle // pulls

	delivered  atomic.Uint64 // messages so far
	pending    atomic.Uint64 // waiting on the server, as last seen
	unacked    atomic.Int64  // delivered to some worker and not acknowledged, as last seen
	maxUnacked atomic.Int64  // at so many unacked, new ones wait; as last seen
	filled     atomic.Bool   // the last pull that ended got all that it asked for
	quiet      bool          // commands waited at the last look, and none has come since; watch's own
	crowded    time.Time     // since when commands wait and there is no room, zero for not; watch's own
	suspected  time.Time     // when swallowed messages were last suspected for redeliveries; watch's own

	mu       sync.Mutex
	consumer jetstream.Consumer
	stalled  error  // why nothing is delivered although something waits
	said     string // of stalled in the log, without its numbers
}

// New returns an intake that pulls nothing yet; see Run, Watch and Extend.
func New(c Config) *Intake {
	in := &Intake{
		nc: c.NATS, log: c.Log, capacity: c.Capacity, period: c.Period, consumer: c.Consumer,
		bind: c.Bind, accept: c.Accept, failed: make(chan error, 1), swallowed: make(chan struct{}, 1),
	}
	in.failing = c.Pulling
	in.maxUnacked.Store(int64(c.Consumer.CachedInfo().Config.MaxAckPending))
	in.leases = newLeases(c.NATS, c.Log, c.Capacity, c.Extending, c.Consumer.CachedInfo(), in.info, func() { in.fail(errAnotherConsumer) })
	return in
}

// AckWait is the consumer's.
func (in *Intake) AckWait() time.Duration { return in.leases.ackWait }

// Extend extends the leases of what is in hand until the context ends.
func (in *Intake) Extend(ctx context.Context) { in.leases.run(ctx) }

// Has reports whether a command is in hand.
func (in *Intake) Has(commandID string) bool { return in.leases.has(commandID) }

// Withdraw tells who has a command in hand that it shall not be executed.
func (in *Intake) Withdraw(commandID string, by messages.Cancellation) {
	in.leases.withdraw(commandID, by)
}

// take puts a delivered message in hand.
func (in *Intake) take(ctx context.Context, msg jetstream.Msg, p pulled) {
	d := in.leases.take(msg, p)
	if d == nil {
		in.capacity.leave(starting)
		return
	}
	in.accept(ctx, d)
}

// Run pulls until ctx ends and hands each delivery to Accept with the context work. It
// returns when no pull is under way any more.
func (in *Intake) Run(ctx, work context.Context) {
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
		case <-in.capacity.changed:
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
			if !errors.Is(err, errStalled) { // which is said with its reason
				in.failing.Failed(ctx, err)
			}
			f.failed(err)
		case <-f.again:
			f.recover(ctx)
		}
	}
}

// lastOnes lets what is on its way arrive, as far as one can know.
func (in *Intake) lastOnes(work context.Context) {
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
func (in *Intake) pull(open, work context.Context, n int) {
	left := n
	defer func() { in.filled.Store(left == 0); in.capacity.unfilled(left) }()
	expiry := in.expiry()
	expiring, cancel := context.WithTimeout(open, expiry)
	defer cancel()
	options := []jetstream.FetchOpt{jetstream.FetchContext(expiring)}
	// Less has no room for two heartbeats: nats.go keeps a tenth of the time for itself, and
	// refuses such a pull.
	if expiry >= 3*busyHeartbeat && expiry <= busyExpiry {
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
			in.capacity.delivered()
			in.take(work, msg, p)
		}
		err = batch.Error()
	}
	in.endedEarly(open, left, time.Since(p.out), expiry)
	switch {
	case err == nil:
		in.failing.Worked(work)
	case open.Err() == nil && !errors.Is(err, context.DeadlineExceeded):
		in.fail(err)
	}
}

// expiry is how long the server keeps a pull open. What a worker that is stopped, and
// cannot say so, gets meanwhile costs AckWait once; and a delivery is proven by its
// pull, so a pull must be younger than a lease.
func (in *Intake) expiry() time.Duration {
	expiry := in.leases.ackWait * 7 / 10
	if in.filled.Load() {
		expiry = min(expiry, busyExpiry)
	}
	if limit := in.bound().CachedInfo().Config.MaxRequestExpires; limit > 0 {
		expiry = min(expiry, limit)
	}
	return expiry
}

// fail tells run that a pull has failed. One failure is as good as several.
func (in *Intake) fail(err error) {
	select {
	case in.failed <- err:
	default:
	}
}
