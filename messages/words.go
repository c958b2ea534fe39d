package messages

import "strings"

// Words says an outcome as a supervisor would. One that this version does not know is
// said as it is written.
func (o Outcome) Words() string {
	switch o {
	case OutcomeSignedOut:
		return "signed out"
	case OutcomeAlreadySignedOut:
		return "already signed out"
	case OutcomeFailed:
		return "not signed out"
	case OutcomeExpired:
		return "too late"
	case OutcomeRejected:
		return "order invalid"
	case OutcomeCancelled:
		return "withdrawn"
	case OutcomeSuperseded:
		return "in the next shift"
	}
	return spaced(string(o))
}

// Words says a cause as a supervisor would, "" for none.
func (c Cause) Words() string {
	switch c {
	case CauseRefused:
		return "the gateway refused"
	case CauseRetriesExhausted:
		return "every try failed"
	case CauseExpiredBeforeAttempt:
		return "its time was over before the first try"
	case CauseExpiredWhileRetrying:
		return "its time was over while it was tried"
	case CauseNoSession:
		return "no inspector was signed in"
	case CauseInvalid:
		return "the order had a mistake"
	case CauseCancelled:
		return "withdrawn before its time"
	case CauseSuperseded:
		return "the agent had signed in again"
	case CauseProtected:
		return "the agent is protected"
	}
	return spaced(string(c))
}

// Words says a state as a supervisor would, "" for none.
func (s AgentState) Words() string {
	switch s {
	case AgentIdle:
		return "ready for a call"
	case AgentBusy:
		return "busy"
	case AgentOnCall:
		return "on a call"
	case AgentWrapUp:
		return "in after-call work"
	case AgentResting:
		return "on a break"
	case AgentUnknown:
		return "not known"
	}
	return spaced(string(s))
}

func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }
