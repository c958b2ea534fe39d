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
	// pullExpiry is how long the server keeps a pull open; an idle worker sends
	// one so often.
	pullExpiry    = 5 * time.Minute
	pullHeartbeat = 30 * time.Second
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
	accept func(ctx context.Context, msg jetstream.Msg, server string)

	delivered atomic.Uint64 // messages so far
	pending   atomic.Uint64 // waiting on the server, as last seen
	filled    atomic.Bool   // the last pull that ended got all that it asked for
	quiet     bool          // commands waited at the last look, and none has come since; watch's own

	mu       sync.Mutex
	consumer jetstream.Consumer
	stalled  error              // why nothing is delivered although something waits
	cancel   context.CancelFunc // ends the pulls under way
	pulls    context.Context
}

func newIntake(nc *nats.Conn, log *slog.Logger, room *room, period time.Duration, consumer jetstream.Consumer,
	bind func(context.Context) (jetstream.Consumer, error), accept func(context.Context, jetstream.Msg, string)) *intake {
	return &intake{nc: nc, log: log, room: room, period: period, consumer: consumer, bind: bind, accept: accept}
}

// run pulls until ctx ends and hands each message, and the id of the server that it
// comes from, to accept with the context work. It returns when no pull is under way
// any more.
func (in *intake) run(ctx, work context.Context) {
	in.restart(work)
	reconnected := in.nc.StatusChanged(nats.CONNECTED)
	defer in.nc.RemoveStatusListener(reconnected)
	var pulls sync.WaitGroup
	defer pulls.Wait()
	for {
		if n := in.room.reserve(); n > 0 {
			pulls.Go(func() { in.pull(ctx, work, n) })
			continue
		}
		select {
		case <-ctx.Done():
			in.endPulls(work)
			return
		case <-in.room.changed:
		case <-reconnected:
			// The server has forgotten the pulls of the old connection.
			in.log.LogAttrs(ctx, slog.LevelInfo, "connected to NATS again")
			in.restart(work)
		}
	}
}

// restart ends the pulls under way; their room comes back and is pulled anew.
func (in *intake) restart(work context.Context) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.cancel != nil {
		in.cancel()
	}
	in.pulls, in.cancel = context.WithCancel(work)
}

// endPulls lets what is on its way arrive, as far as one can know, and then
// ends the pulls.
func (in *intake) endPulls(work context.Context) {
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
			break
		}
		seen = now
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.cancel()
}

// pull asks for n messages and accepts what comes.
func (in *intake) pull(ctx, work context.Context, n int) {
	in.mu.Lock()
	consumer, pulls := in.consumer, in.pulls
	in.mu.Unlock()
	expiry, heartbeat := pullExpiry, pullHeartbeat
	if in.filled.Load() {
		expiry, heartbeat = busyExpiry, busyHeartbeat
	}
	expiring, cancel := context.WithTimeout(pulls, expiry)
	defer cancel()
	left := n
	defer func() { in.filled.Store(left == 0); in.room.unfilled(left) }()
	server := in.nc.ConnectedServerId()
	batch, err := consumer.Fetch(n, jetstream.FetchContext(expiring), jetstream.FetchHeartbeat(heartbeat))
	if err == nil {
		for msg := range batch.Messages() {
			left--
			in.delivered.Add(1)
			in.room.delivered()
			in.accept(work, msg, server)
		}
		err = batch.Error()
	}
	if err == nil || pulls.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return
	}
	in.recover(ctx, err)
}

// recover reacts to a failed pull: it pauses, and binds again where the consumer
// is gone.
func (in *intake) recover(ctx context.Context, failure error) {
	in.log.LogAttrs(ctx, slog.LevelWarn, "pull failed", slog.Any("error", failure))
	timer := time.NewTimer(pullRetry)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return
	case <-timer.C:
	}
	if errors.Is(failure, jetstream.ErrConsumerDeleted) || errors.Is(failure, jetstream.ErrConsumerNotFound) || errors.Is(failure, nats.ErrNoResponders) {
		in.rebind(ctx)
	}
}

// rebind makes sure that there is a consumer as it must be.
func (in *intake) rebind(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	consumer, err := in.bind(ctx)
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil {
		in.stalled = fmt.Errorf("the consumer cannot be bound: %w", err)
		in.log.LogAttrs(ctx, slog.LevelError, "consumer not bound", slog.Any("error", err))
		return
	}
	in.consumer = consumer
	in.log.LogAttrs(ctx, slog.LevelInfo, "consumer bound again")
}

// watch looks at the consumer from time to time: where messages wait, this
// worker has room and none is delivered, it says so and binds again.
func (in *intake) watch(ctx, work context.Context) {
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
		if !in.look(ctx, now != last) && ctx.Err() == nil {
			in.rebind(ctx)
			in.restart(work)
		}
		last = now
	}
}

// look asks the server how delivery stands and reports whether it is well, or at
// least as an operator wants it.
func (in *intake) look(ctx context.Context, moved bool) bool {
	in.mu.Lock()
	consumer := in.consumer
	in.mu.Unlock()
	askCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var trouble error
	info, err := consumer.Info(askCtx)
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
	if trouble != nil {
		in.log.LogAttrs(ctx, slog.LevelError, "delivery does not progress", slog.Any("error", trouble))
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stalled = trouble
	return trouble == nil || (err == nil && info.Paused)
}

// progressing is nil while commands come in, or none is there to come.
func (in *intake) progressing() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.stalled
}
