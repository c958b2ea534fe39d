package session

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// lookEvery is the longest time between two looks at what only time changes.
const lookEvery = time.Second

// entry is a state of the key.
type entry struct {
	record
	revision uint64
	written  time.Time // by the server's clock
	gone     bool      // deleted, or written over with what is no record
}

func entryOf(came jetstream.KeyValueEntry) entry {
	r, err := parseRecord(came.Value())
	if err != nil {
		r = notARecord(err)
	}
	return entry{r, came.Revision(), came.Created(), err != nil || came.Operation() != jetstream.KeyValuePut}
}

// keyWatch hears of each new state of an inspector's key. Its user calls next with one
// context, until that ends.
type keyWatch struct {
	*follower
	updates <-chan jetstream.KeyValueEntry // nil while there is no watch
	ticker  *time.Ticker
}

func (f *follower) watch() *keyWatch {
	return &keyWatch{follower: f, ticker: time.NewTicker(lookEvery)}
}

// next waits for a state of the key. There is none, and news is false, when the context
// has ended, when lookEvery has passed, and once when all that was there has come.
func (w *keyWatch) next(ctx context.Context) (e entry, news bool) {
	for {
		if w.updates == nil {
			w.updates = w.open(ctx)
		}
		select {
		case <-ctx.Done():
			return entry{}, false
		case <-w.ticker.C:
			return entry{}, false
		case came, open := <-w.updates:
			switch {
			case !open:
				w.updates = nil
			case came == nil:
				return entry{}, false
			default:
				return entryOf(came), true
			}
		}
	}
}

func (w *keyWatch) open(ctx context.Context) <-chan jetstream.KeyValueEntry {
	watcher, err := w.kv.Watch(ctx, w.key)
	if err != nil {
		if ctx.Err() == nil {
			w.in.log(slog.LevelWarn, "cannot watch the session", slog.Any("error", err))
		}
		return nil
	}
	context.AfterFunc(ctx, func() { _ = watcher.Stop() })
	return watcher.Updates()
}
