package intake

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// feed is the pulls that are under way. It is run's own.
type feed struct {
	in    *Intake
	work  context.Context
	pulls sync.WaitGroup
	open  context.Context // of the pulls
	end   context.CancelFunc

	again   <-chan time.Time // when to go on after a failure; nil while pulls go well
	stalled bool             // the pulls under way get nothing that counts
}

func newFeed(in *Intake, work context.Context) *feed {
	f := &feed{in: in, work: work}
	f.open, f.end = context.WithCancel(work)
	return f
}

// next starts a pull if there is capacity and nothing against it.
func (f *feed) next() bool {
	// nats.go would keep a subscription for each pull that cannot be sent.
	if f.again != nil || !f.in.nc.IsConnected() {
		return false
	}
	n := f.in.capacity.reserve(f.in.bound().CachedInfo().Config.MaxRequestBatch)
	if n == 0 {
		return false
	}
	open := f.open
	f.pulls.Go(func() { f.in.pull(open, f.work, n) })
	return true
}

// restart ends the pulls under way; their place comes back and is pulled anew.
func (f *feed) restart() {
	f.end()
	f.open, f.end = context.WithCancel(f.work)
}

// close ends the pulls, and returns when they have ended.
func (f *feed) close() {
	f.end()
	f.pulls.Wait()
}

// failed decides what a failed pull means for what is in hand, and pauses.
func (f *feed) failed(err error) {
	deleted := errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, jetstream.ErrConsumerNotFound)
	if deleted || errors.Is(err, nats.ErrNoResponders) {
		f.in.leases.unanswered(deleted)
	}
	f.stalled = f.stalled || errors.Is(err, errStalled) || errors.Is(err, errAnotherConsumer)
	f.again = time.After(pullRetry)
}

// recover goes on pulling, from a consumer as it must be and with the limits that it
// has now.
func (f *feed) recover(ctx context.Context) {
	f.again = nil
	if err := f.in.rebind(ctx); err != nil {
		f.again = time.After(pullRetry)
		return
	}
	another := f.in.leases.bound(f.in.bound().CachedInfo())
	if another {
		f.in.log.LogAttrs(ctx, slog.LevelWarn, "the consumer is another one, what was stored before it rests")
	}
	if another || f.stalled {
		f.restart()
	}
	f.stalled = false
}
