package job

import (
	"fmt"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
)

// Ending is how a command ends. There is a constructor for each way, so that a pair of
// outcome and cause that the contract does not know cannot be written.
type Ending struct {
	outcome messages.Outcome
	cause   messages.Cause
	text    string
}

// Outcome is what became of the command.
func (e Ending) Outcome() messages.Outcome { return e.outcome }

// Cause is why it did not succeed, "" where it did.
func (e Ending) Cause() messages.Cause { return e.cause }

// Text is the same for people, "" where it succeeded.
func (e Ending) Text() string { return e.text }

func endSignedOut() Ending { return Ending{outcome: messages.OutcomeSignedOut} }

func endAlreadySignedOut() Ending { return Ending{outcome: messages.OutcomeAlreadySignedOut} }

func endCancelled(by messages.Cancellation) Ending {
	return Ending{messages.OutcomeCancelled, messages.CauseCancelled, by.String()}
}

// endCancelledUntold is for a gateway that does not tell what an earlier call has done.
func endCancelledUntold(by messages.Cancellation) Ending {
	return Ending{messages.OutcomeCancelled, messages.CauseCancelled,
		by.String() + "; a call that was made before may have worked, and the gateway does not tell"}
}

func endSuperseded(signedInAt time.Time) Ending {
	return Ending{messages.OutcomeSuperseded, messages.CauseSuperseded,
		"the agent signed in at " + signedInAt.UTC().Format(time.RFC3339) + ", after signedInBefore"}
}

func endProtected() Ending {
	return Ending{messages.OutcomeFailed, messages.CauseProtected, "the agent is protected: nobody signs them out"}
}

// endProtectedUntold is for a gateway that does not tell what a call has done that was made
// before the agent was protected.
func endProtectedUntold() Ending {
	e := endProtected()
	e.text += "; a call that was made before may have worked, and the gateway does not tell"
	return e
}

func endRefused(trouble string) Ending {
	return Ending{messages.OutcomeFailed, messages.CauseRefused, "the gateway refused: " + trouble}
}

func endItself(why error) Ending {
	return Ending{messages.OutcomeFailed, messages.CauseRefused, why.Error()}
}

func endNoSession(why error) Ending {
	return Ending{messages.OutcomeFailed, messages.CauseNoSession, why.Error()}
}

func endRetriesExhausted(calls int, trouble string) Ending {
	return Ending{messages.OutcomeFailed, messages.CauseRetriesExhausted,
		fmt.Sprintf("still failing after %d calls, the last: %s", calls, trouble)}
}

func endExpired(at time.Time, tried bool, trouble string) Ending {
	e := Ending{messages.OutcomeExpired, messages.CauseExpiredBeforeAttempt, "too late: it expired at " + at.UTC().Format(time.RFC3339)}
	if tried {
		e.cause = messages.CauseExpiredWhileRetrying
		if trouble != "" {
			e.text += "; the last call: " + trouble
		}
	}
	return e
}

// done is the end of a command whose call has worked.
func (j *Job) done(seen gateway.Presence) Ending {
	confirmed := seen == gateway.PresenceSignedOut
	j.Confirmed = &confirmed
	return endSignedOut()
}

// out is the end of a command whose agent is seen to be signed out.
func (j *Job) out() Ending {
	if j.Effect == Claimed {
		return j.done(gateway.PresenceSignedOut)
	}
	return endAlreadySignedOut()
}

// unserved is the end of a command that nobody can call for. What the gateway said wins,
// unless the agent was seen to be signed in after it.
func (j *Job) unserved(why error) Ending {
	if j.Effect == Claimed && j.state.Presence != gateway.PresenceSignedIn {
		return j.done(gateway.PresenceUnknown)
	}
	return endNoSession(why)
}

// Lapsed is the end of a command whose time has run out. What the gateway said in time
// wins; so does a withdrawal before any call, as whoever withdrew it was told so.
func (j *Job) Lapsed() Ending {
	switch {
	case j.Out != nil:
		return j.ended()
	case j.Effect == Claimed:
		return j.done(gateway.PresenceUnknown) // the gateway said so in time
	case j.Cancelled != nil && j.Effect == None:
		return endCancelled(*j.Cancelled)
	default:
		return endExpired(j.Expires, j.Calls > 0 || j.Redelivered, j.Trouble)
	}
}

// Withdrawn is the end of a command that was withdrawn before a call for it can have done
// anything, or when its agent was signed out; false for every other one.
func (j *Job) Withdrawn() (Ending, bool) {
	if j.Cancelled != nil && j.Out != nil {
		return j.ended(), true
	}
	if j.Cancelled == nil || j.Effect != None {
		return Ending{}, false
	}
	return endCancelled(*j.Cancelled), true
}
