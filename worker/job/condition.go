package job

import (
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/gateway"
)

// freshTime is the greatest age, at the call, of a state that decides about the call. The
// turn that --rate gives, or an inspector, may come later.
const freshTime = time.Second

// IsStale reports whether the agent's state has to be asked once more right before the
// call: it decides about it, and was told too long ago.
func (j *Job) IsStale(now time.Time) bool {
	return !j.lookedAt.IsZero() && now.Sub(j.lookedAt) >= freshTime
}

// Still reports whether a call may be made after the agent's state was told once more,
// right before it. What has changed is decided on anew.
func (j *Job) Still(state gateway.State, v Verdict, now time.Time) bool {
	j.look(state, now)
	switch {
	case state.Presence == gateway.PresenceSignedOut:
		j.QueryFirst = true
		return false
	case !j.conditional(now):
		return true
	default:
		return !v.isUnclear() && !j.isSuperseded(state) && !j.isBusy(state, now)
	}
}

// conditional reports whether the agent's state decides about a call now.
func (j *Job) conditional(now time.Time) bool {
	return !j.Command.SignedInBefore.IsZero() || j.isPolite(now)
}

// isPolite reports whether the agent may end a call now.
func (j *Job) isPolite(now time.Time) bool {
	return j.Command.WhenIdle && now.Before(j.Command.GraceUntil)
}

// isBusy reports whether the agent is on a call, as far as one knows, or at their after-call
// work, and may end that.
func (j *Job) isBusy(state gateway.State, now time.Time) bool {
	return now.Before(j.busyUntil(state, now))
}

// busyUntil is when the agent is called for who is on a call, as far as one knows, or at
// their after-call work, and does not end it before; not later than now where that is no
// hindrance.
func (j *Job) busyUntil(state gateway.State, now time.Time) time.Time {
	switch {
	case !j.isPolite(now):
		return time.Time{}
	case state.Presence == gateway.PresenceUnknown, state.Doing == gateway.OnCall:
		return j.Command.GraceUntil
	case state.Doing == gateway.WrapUp:
		return clock.Earlier(j.Command.GraceUntil, j.WrapUpSince.Add(time.Duration(j.Command.WrapUp)))
	default:
		return time.Time{}
	}
}

// isSuperseded reports whether the present sign-in is one that the command does not mean.
// A gateway that does not tell when it began leaves the rule off.
func (j *Job) isSuperseded(state gateway.State) bool {
	limit := j.Command.SignedInBefore
	return !limit.IsZero() && !state.SignedInAt.IsZero() && state.SignedInAt.After(limit)
}
