package session

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// doubts are the calls, of any worker, that were refused and that nobody has explained
// yet. Any goroutine may raise one.
type doubts struct {
	since *atomic.Int64 // the oldest, 0 for none
	bell  chan struct{} // has room for one
}

func newDoubts() doubts { return doubts{since: new(atomic.Int64), bell: make(chan struct{}, 1)} }

func (d doubts) raise() {
	d.since.CompareAndSwap(0, time.Now().UnixNano())
	select {
	case d.bell <- struct{}{}:
	default:
	}
}

func (d doubts) any() bool { return d.since.Load() != 0 }

// before reports whether there is one from before a moment.
func (d doubts) before(at time.Time) bool {
	oldest := d.since.Load()
	return oldest != 0 && oldest < at.UnixNano()
}

func (d doubts) settle() { d.since.Store(0) }

// check asks about the session when calls were refused, until the context ends or the
// session is over.
func (k *keeping) check(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.doubts.bell:
		}
		for pause := gateway.PollPause; ctx.Err() == nil && k.lease.holds() && k.doubts.any(); {
			switch k.inquire(ctx, k.present(), 0) {
			case good:
				k.explained(ctx)
				continue
			case over:
				k.end(errGone)
				return
			}
			// The next poll tells as well.
			pause = longer(pause)
			_ = wait(ctx, pause)
		}
	}
}

// inquire is the one step of doubt: a poll was refused, so many times in a row, or a call
// was, and that is no poll. It finds out what there is to know, and returns what that
// proves. While it asks for a poll, no calls are made.
func (k *keeping) inquire(ctx context.Context, s gateway.Session, refusals int) finding {
	e := evidence{refusals: refusals, polled: k.polled.Load()}
	if refusals > 0 {
		if e.newer = k.newer(ctx, s); e.newer || !e.polled {
			return e.proves()
		}
		k.in.doubt(s)
	}
	if e.opinion = k.in.pool.secondOpinion(ctx, s); e.opinion == refused && e.polled {
		e.newer = k.newer(ctx, s)
	}
	found := e.proves()
	if refusals > 0 && found != over {
		k.in.verified(false)
	}
	return found
}

// newer looks whether there is a newer GUID of the session, by another worker or a poll
// of this one.
func (k *keeping) newer(ctx context.Context, s gateway.Session) bool {
	_ = k.lease.change(ctx, func(*record) {}) // which rereads where another has written
	return k.present().GUID != s.GUID
}

// explained tells everybody that a session that was doubted is good.
func (k *keeping) explained(ctx context.Context) {
	k.doubts.settle()
	k.in.verified(true)
	_ = k.lease.insist(ctx, func(r *record) { r.Checked++ })
}
