package worker

import (
	"context"
	"errors"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/session"
)

// The state of an agent who may end their call is asked again after lookAtCall, and
// then more and more seldom.
const (
	lookAtCall     = 5 * time.Second
	lastLookAtCall = 20 * time.Second
)

// freshTime is how old what decides about a call may be when the call is made. The
// turn that --rate gives, and an inspector, may take longer to come.
const freshTime = time.Second

// errChanged ends an attempt right before its call: the agent is not any more as when
// the call was decided on, or it cannot be told.
var errChanged = errors.New("the agent's state may have changed")

// spare looks at the agent before a call that the command allows under a condition
// only: that he has not signed in again since, or is on no call. It returns the
// command's end, or whether the call may be made now; without both it goes on
// later.
func (w *Worker) spare(ctx context.Context, x *execution) (end *ending, call bool, err error) {
	x.onCall = false
	if !x.conditional() {
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
	case x.busy(state.State):
		x.onCall = true
		x.dueAt = earlier(time.Now().Add(x.pause(lookAtCall, lastLookAtCall)), x.cmd.GraceUntil)
		return nil, false, nil
	}
	return nil, true, nil
}

// lookAgain asks for the agent's state once more, right before the call, where it was
// asked for too long ago. It reports whether the call may be made.
func (w *Worker) lookAgain(ctx context.Context, x *execution, use *session.Use) (call bool, found seen) {
	if x.lookedAt.IsZero() || time.Since(x.lookedAt) < freshTime {
		return true, seen{}
	}
	state, answer, err := w.gateway.AgentState(ctx, use.Session, x.cmd.WorkNo)
	decision := w.classifier.classifyState(answer, err)
	found.Report = session.Report{GUID: answer.GUID, Heard: decision.class != ClassSession && answer.Retcode != ""}
	if s := decision.sign(); s.bad() {
		found.sign, found.why = s, decision.meaning
	}
	switch {
	case state.Presence == gateway.PresenceSignedOut:
		x.ask = true
		return false, found
	case !x.conditional():
		return true, found
	default:
		unclear := decision.class == ClassTransient || decision.class == ClassSession
		return !unclear && !x.superseded(state) && !x.busy(state), found
	}
}

// conditional reports whether the agent's state decides about a call now.
func (x *execution) conditional() bool { return !x.cmd.SignedInBefore.IsZero() || x.polite() }

// polite reports whether the agent may end a call now.
func (x *execution) polite() bool { return x.cmd.WhenIdle && time.Now().Before(x.cmd.GraceUntil) }

// busy reports whether the agent is on a call, as far as one knows, and may end it.
func (x *execution) busy(state gateway.State) bool {
	return x.polite() && (state.OnCall || state.Presence == gateway.PresenceUnknown)
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
