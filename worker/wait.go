package worker

import (
	"context"
	"errors"
	"time"

	"github.com/forcelogout/forcelogout/worker/session"
)

// How long a command that cannot be called stays with the server before it is
// delivered again, at first and at most; see execution.pause.
const (
	otherInspector = 5 * time.Second // another inspector works here
	noInspector    = time.Second     // none does
	unknownHere    = time.Second     // this worker does not know the inspector
	noGateway      = time.Second     // it is down
	haltedRest     = 2 * trialPause  // it is down, and the command's call has shown it

	longRest  = 30 * time.Second
	shortRest = 8 * time.Second // for what is over at any moment
)

// lastUnknown is the delivery from which on an inspector that this worker does not
// know is no matter of a rollout any more: half a minute after the first.
const lastUnknown = 6

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
	if d > longestWaitInHand || !w.room.mayWait() {
		w.progressWait(x, true)
		w.handBack(ctx, x)
		return false
	}
	w.progressWait(x, false)
	switch w.pause(ctx, x.dueAt, x.gone()) {
	case pauseWithdrawn:
		x.notice()
		return w.wait(ctx, x)
	case pauseDrained:
		w.handBack(ctx, x)
		return false
	case pauseCut:
		return false
	default:
		return true
	}
}

// paused is how a pause ended.
type paused int

const (
	pauseOver      paused = iota // its time has come
	pauseWithdrawn               // the command was withdrawn
	pauseDrained                 // the worker shall end
	pauseCut                     // the worker ends without delay
)

// pause lets time pass for a command in hand, in which it takes no slot if the process
// may hold one more.
func (w *Worker) pause(ctx context.Context, until time.Time, withdrawn <-chan struct{}) paused {
	if w.room.tryWait() {
		defer w.room.move(waiting, starting)
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return pauseOver
	case <-withdrawn:
		return pauseWithdrawn
	case <-w.draining:
		return pauseDrained
	case <-ctx.Done():
		return pauseCut
	}
}

// aside lets a message in hand wait for something of this process, at most for d.
func (w *Worker) aside(ctx context.Context, something <-chan struct{}, d time.Duration) {
	if w.room.tryWait() {
		defer w.room.move(waiting, starting)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-something:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// awaitSession waits until an inspector can make the command's call, or it has
// expired. A session that is being renewed is waited for here, without a slot;
// where none is to be expected the command goes back to the server, for workers
// that have one, and awaitSession returns false.
func (w *Worker) awaitSession(ctx context.Context, x *execution) bool {
	if !w.room.tryWait() {
		x.postpone(x.pause(noInspector, shortRest))
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
			rest := x.pause(noInspector, shortRest)
			if w.inspectors.Possible(session.Wish{}) == nil {
				rest = x.pause(otherInspector, longRest)
			}
			x.postpone(rest)
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
		case <-x.gone():
			return true
		case <-w.draining:
			w.handBack(ctx, x)
			return false
		}
	}
}

// awaitGateway gives a command back to the server while the gateway is down: for
// workers that reach it, and to be ended there when it expires. What may show that the
// gateway is back comes again sooner.
func (w *Worker) awaitGateway(ctx context.Context, x *execution) {
	rest := x.pause(haltedRest, longRest)
	if w.outage.isFresh(x.cmd.WorkNo) {
		rest = x.pause(noGateway, shortRest)
	}
	x.postpone(rest)
	w.outage.await(x.dueAt)
	x.noGateway = true
	w.progressWait(x, true)
	w.handBack(ctx, x)
}

// awaitOthers gives a command that names an inspector whom this worker does not know
// back to the server: while workers are replaced, others may know. After some time it
// is final, and awaitOthers returns false.
func (w *Worker) awaitOthers(ctx context.Context, x *execution) bool {
	if _, delivery := x.held.delivery(); delivery >= lastUnknown {
		return false
	}
	x.postpone(x.pause(unknownHere, longRest))
	x.noSession = true
	w.progressWait(x, true)
	w.handBack(ctx, x)
	return true
}

// pause is how long a command that could not be called stays with the server: longer
// each time it is delivered, as it would go before what can be called. It comes once
// more before it expires.
func (x *execution) pause(first, most time.Duration) time.Duration {
	_, delivery := x.held.delivery()
	return min(grown(first, most, delivery), max(first, time.Until(x.expires)/2))
}

// postpone makes the command due later, but not later than it lives.
func (x *execution) postpone(d time.Duration) {
	x.dueAt = earlier(x.expires, later(x.dueAt, time.Now().Add(d)))
}

// wish says which inspectors may make the command's call.
func (x *execution) wish() session.Wish {
	return session.Wish{Inspector: x.cmd.Inspector, WorkNo: x.cmd.WorkNo, Avoid: x.avoid, By: x.expires}
}
