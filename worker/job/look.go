package job

import (
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
)

// look takes up what the gateway has told of the agent, for the result and for conditions.
func (j *Job) look(state gateway.State, now time.Time) {
	before := j.Effect == None && (j.Calls == 0 || state.Presence != gateway.PresenceSignedOut)
	switch said := StateOf(state); {
	case !before && state.Presence != gateway.PresenceSignedIn: // it is about the time after a call
	case said != messages.AgentUnknown, j.AgentState == "":
		j.AgentState = said
	}
	j.Unasked = j.isUntold(state)
	switch {
	case state.Doing != gateway.WrapUp:
		j.WrapUpSince = time.Time{}
	case state.For > 0:
		j.WrapUpSince = now.Add(-state.For)
	case j.WrapUpSince.IsZero():
		j.WrapUpSince = now
	}
}

// isUntold reports whether the state leaves a condition of the command open.
func (j *Job) isUntold(state gateway.State) bool {
	if state.Presence == gateway.PresenceSignedOut {
		return false
	}
	return j.Command.WhenIdle && state.Presence == gateway.PresenceUnknown ||
		!j.Command.SignedInBefore.IsZero() && state.SignedInAt.IsZero()
}

// StateOf is what a result says of an agent's state.
func StateOf(state gateway.State) messages.AgentState {
	switch state.Presence {
	case gateway.PresenceSignedOut:
		return messages.AgentSignedOut
	case gateway.PresenceUnknown:
		return messages.AgentUnknown
	}
	switch state.Doing {
	case gateway.Idle:
		return messages.AgentIdle
	case gateway.Busy:
		return messages.AgentBusy
	case gateway.OnCall:
		return messages.AgentOnCall
	case gateway.WrapUp:
		return messages.AgentWrapUp
	case gateway.Resting:
		return messages.AgentResting
	default:
		return messages.AgentSignedIn
	}
}
