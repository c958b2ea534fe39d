package worker

import (
	"context"
	"errors"
	"time"

	"github.com/forcelogout/forcelogout/worker/session"
)

// How long a command that has no inspector stays with the server before it is
// delivered again.
const (
	otherInspector = 5 * time.Second // another inspector works here
	noInspector    = time.Second     // none does
	noGateway      = time.Second     // it is down
	haltedRest     = 2 * trialPause  // it is down, and the command's call has shown it
)

// wait lets time pass until the command is due, or has expired. Short waits
// happen here and hold no slot; for longer ones, or when the worker drains, the
// command goes back to the server and wait returns false.
func (w *Worker) wait(ctx context.Context, x *execution) bool {
	if x.expires.Before(x.dueAt) {
		x.dueAt = x.expires
	}
	d := x.dueIn()
	if d == 0 {
		return true
	}
	if d > longestWaitInHand || !w.room.tryWait() {
		w.progressWait(x, true)
		w.handBack(ctx, x)
		return false
	}
	w.progressWait(x, false)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		w.room.move(waiting, starting)
		return true
	case <-x.held.gone:
		w.room.move(waiting, starting)
		return true
	case <-w.draining:
		w.room.move(waiting, starting)
		w.handBack(ctx, x)
		return false
	}
}

// awaitSession waits until an inspector can make the command's call, or it has
// expired. A session that is being renewed is waited for here, without a slot;
// where none is to be expected the command goes back to the server, for workers
// that have one, and awaitSession returns false.
func (w *Worker) awaitSession(ctx context.Context, x *execution) bool {
	if !w.room.tryWait() {
		x.postpone(noInspector)
		w.handBack(ctx, x)
		return false
	}
	x.noSession = true
	defer func() { x.noSession = false }()
	w.progressWait(x, false)
	defer w.room.move(waiting, starting)
	expired := time.NewTimer(time.Until(x.expires))
	defer expired.Stop()
	for {
		changed := w.inspectors.Changed()
		err := w.inspectors.Possible(x.wish())
		if errors.Is(err, session.ErrDown) {
			pause := noInspector
			if w.inspectors.Possible(session.Wish{}) == nil {
				pause = otherInspector
			}
			x.postpone(pause)
			w.handBack(ctx, x)
			return false
		}
		if !errors.Is(err, session.ErrPending) {
			return true
		}
		select {
		case <-changed:
		case <-expired.C:
			return true
		case <-x.held.gone:
			return true
		case <-w.draining:
			w.handBack(ctx, x)
			return false
		}
	}
}

// awaitGateway gives a command back to the server while the gateway is down: for
// workers that reach it, and to be ended there when it expires.
func (w *Worker) awaitGateway(ctx context.Context, x *execution) {
	x.postpone(noGateway)
	x.noGateway = true
	w.progressWait(x, true)
	w.handBack(ctx, x)
}

// postpone makes the command due later, but not later than it lives.
func (x *execution) postpone(d time.Duration) {
	x.dueAt = earlier(x.expires, later(x.dueAt, time.Now().Add(d)))
}

// wish says which inspectors may make the command's call.
func (x *execution) wish() session.Wish {
	return session.Wish{Inspector: x.cmd.Inspector, WorkNo: x.cmd.WorkNo, Avoid: x.avoid, By: x.expires}
}
