package worker

import (
	"context"
	"errors"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/session"
)

const (
	// confirmTime is how long a sign-out may take to show after the answer "0".
	confirmTime = 5 * time.Second
	// The agent's state is asked at growing intervals, if no event comes first.
	firstLook = 200 * time.Millisecond
	lastLook  = 1600 * time.Millisecond
)

// confirm looks whether the agent has signed out indeed after the gateway said
// so. It waits without a slot. An agent seen to be still signed in is tried again;
// where nothing can be seen the command ends unconfirmed.
func (w *Worker) confirm(ctx context.Context, x *execution, out <-chan struct{}) (*ending, error) {
	x.effect = effectClaimed
	presence, err := w.seeOut(ctx, x, out)
	switch {
	case ctx.Err() != nil:
		return nil, err
	case errors.Is(err, errLeaseLost):
		// What the gateway has said would be lost with the command.
		return x.done(gateway.PresenceUnknown), nil
	case presence == gateway.PresenceSignedIn:
		x.trouble = "the gateway said that the agent is signed out, but he stays signed in"
		x.done(presence)
		end, err := w.retryLater(ctx, x, false)
		x.ask = true // he may be gone by then
		return end, err
	default:
		return x.done(presence), nil
	}
}

// done is the end of a command whose call has worked.
func (x *execution) done(seen gateway.Presence) *ending {
	confirmed := seen == gateway.PresenceSignedOut
	x.confirmed = &confirmed
	return &ending{outcome: messages.OutcomeSignedOut}
}

// seeOut waits for the event and asks for the state in between. It returns what
// was seen last.
func (w *Worker) seeOut(ctx context.Context, x *execution, out <-chan struct{}) (presence gateway.Presence, err error) {
	deadline := time.Now().Add(confirmTime)
	for pause := firstLook; time.Now().Before(deadline); pause = min(2*pause, lastLook) {
		if w.heardOut(x, out, pause) {
			return gateway.PresenceSignedOut, nil
		}
		var state look
		state, err = w.askState(ctx, x)
		presence = state.Presence
		switch {
		case errors.Is(err, session.ErrPending), errors.Is(err, session.ErrDown):
		case presence == gateway.PresenceSignedOut, err != nil:
			return presence, err
		}
	}
	return presence, nil
}

// heardOut waits for the event, at most for d, and takes no room meanwhile.
func (w *Worker) heardOut(x *execution, out <-chan struct{}, d time.Duration) bool {
	if w.room.tryWait() {
		defer w.room.move(waiting, starting)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-out:
		return true
	case <-timer.C:
	case <-w.draining:
	}
	return false
}
