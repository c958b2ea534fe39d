package worker

import (
	"context"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
)

// The state of an agent who may end their call is asked again after lookAtCall, and
// then more and more seldom.
const (
	lookAtCall     = 5 * time.Second
	lastLookAtCall = 20 * time.Second
)

// spare looks at the agent before a call that the command allows under a condition
// only: that he has not signed in again since, or is on no call. It returns the
// command's end, or whether the call may be made now; without both it goes on
// later.
func (w *Worker) spare(ctx context.Context, x *execution) (end *ending, call bool, err error) {
	x.onCall = false
	polite := x.cmd.WhenIdle && time.Now().Before(x.cmd.GraceUntil)
	if x.cmd.SignedInBefore.IsZero() && !polite {
		return nil, true, nil
	}
	state, err := w.askState(ctx, x)
	if err != nil {
		return nil, false, err
	}
	switch {
	case state.Presence == gateway.PresenceSignedOut:
		return x.out(state.State), false, nil
	case state.class == ClassTransient, state.class == ClassSession:
		// The gateway can tell, but not now: a call would be blind.
		x.trouble = "the agent's state could not be read: " + state.meaning
		end, err := w.retryLater(ctx, x, false)
		return end, false, err
	case x.superseded(state.State):
		return &ending{messages.OutcomeSuperseded, messages.CauseSuperseded,
			"the agent signed in at " + state.SignedInAt.UTC().Format(time.RFC3339) + ", after signedInBefore"}, false, nil
	case polite && (state.OnCall || state.Presence == gateway.PresenceUnknown):
		x.onCall = true
		x.dueAt = earlier(time.Now().Add(x.pause(lookAtCall, lastLookAtCall)), x.cmd.GraceUntil)
		return nil, false, nil
	}
	return nil, true, nil
}

// superseded reports whether the present sign-in is one that the command does not
// mean. A gateway that does not tell when it began leaves the rule off.
func (x *execution) superseded(state gateway.State) bool {
	limit := x.cmd.SignedInBefore
	return !limit.IsZero() && !state.SignedInAt.IsZero() && state.SignedInAt.After(limit)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
