package job

import (
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/gateway"
)

// ShortestCall is the least time that a call is started with. Less would be cut off
// before an answer could come, and leave open whether it worked; or the call would reach
// the gateway after the command's end.
const ShortestCall = 100 * time.Millisecond

// Policy is what an operator has decided for all commands.
type Policy struct {
	Retry       Retry
	CallTimeout time.Duration
	Confirm     bool          // look for the effect of each call before it is reported
	TrialPause  time.Duration // between two trials of a gateway that is down
}

// Decide has the rules: it notes what was seen, and returns what to do next.
func Decide(j *Job, seen Seen, p Policy, now time.Time) Step {
	j.note(seen)
	if j.Out != nil {
		return j.stay(seen, p, now)
	}
	switch seen.What {
	case Secured:
		return j.attempt(p, now)
	case Told:
		return j.told(seen, p, now)
	case Answered:
		return j.answered(seen, p, now)
	case Confirmed:
		return j.confirmed(seen, p, now)
	case Ready:
		if seen.Lost {
			return Step{Do: Drop}
		}
		return j.next(now)
	default:
		return j.barred(seen, p, now)
	}
}

// note takes up what holds whatever has happened.
func (j *Job) note(seen Seen) {
	j.Delivery, j.Protected = seen.Delivery, seen.Protected
	if j.Cancelled == nil {
		j.Cancelled = seen.Withdrawn
	}
	j.Ending = j.Cancelled != nil
}

// isOver reports whether the command was withdrawn and its end is known: it waits for
// nothing any more. Where a call may have worked it waits on: a question that is answered
// before the call works would be answered wrongly.
func (j *Job) isOver() bool { return j.Cancelled != nil && j.Effect != Possible }

// next waits until the command is due, and then secures it.
func (j *Job) next(now time.Time) Step {
	if !now.Before(j.Expires) {
		return j.end(j.Lapsed())
	}
	if j.isOver() {
		j.DueAt = time.Time{}
	}
	j.inTime(now)
	switch d := j.dueIn(now); {
	case d == 0:
		return Step{Do: Secure}
	case d > longestWaitInHand:
		return j.yield()
	default:
		return Step{Do: Wait, Until: j.DueAt, For: j.reason()}
	}
}

// attempt decides about a command that is due, and this worker's alone.
func (j *Job) attempt(p Policy, now time.Time) Step {
	j.lookedAt, j.waitsFor = time.Time{}, ""
	if j.Cancelled != nil {
		return j.endWithdrawn()
	}
	if j.Protected {
		return j.endSpared()
	}
	if j.Expires.Sub(now) < ShortestCall {
		return j.late(now)
	}
	if j.QueryFirst {
		return Step{Do: Query}
	}
	if end, over := j.exhausted(p); over {
		return j.end(end)
	}
	if j.conditional(now) {
		return Step{Do: Query}
	}
	return Step{Do: Call}
}

// endWithdrawn tells the truth where the agent may have been signed out all the same, by a
// worker that died or by a call without an answer: that is asked until it is answered.
func (j *Job) endWithdrawn() Step {
	switch j.Effect {
	case None:
		return j.end(endCancelled(*j.Cancelled))
	case Claimed:
		return j.end(j.done(gateway.PresenceUnknown))
	default:
		return Step{Do: Query}
	}
}

// endSpared ends a command whose agent is protected, like a withdrawn one: no call is made,
// and what an earlier call has done is asked until it is answered.
func (j *Job) endSpared() Step {
	switch j.Effect {
	case None:
		return j.end(endProtected())
	case Claimed:
		return j.end(j.done(gateway.PresenceUnknown))
	default:
		return Step{Do: Query}
	}
}

// late waits for the end of a command that has too little life left for a call.
func (j *Job) late(now time.Time) Step {
	if !now.Before(j.Expires) {
		return j.end(j.Lapsed())
	}
	j.DueAt = j.Expires
	return Step{Do: Wait, Until: j.Expires, For: j.reason()}
}

// barred decides on what kept a step from being done.
func (j *Job) barred(seen Seen, p Policy, now time.Time) Step {
	switch seen.What {
	case NoPlace, SessionPending, NoInspector, GatewayDown, UnknownHere, Itself, Paced:
		if j.isOver() {
			return j.next(now)
		}
	}
	switch seen.What {
	case NoPlace:
		if j.dueIn(now) == 0 {
			j.postpone(j.inspectorPause(false, now), ForSession, now)
		}
	case SessionPending:
		return j.awaitSession()
	case NoInspector:
		j.postpone(j.inspectorPause(seen.Elsewhere, now), ForSession, now)
	case Paced:
		j.postpone(max(seen.Until.Sub(now), j.pause(noTurn, longRest, now)), ForPace, now)
	case GatewayDown:
		j.postpone(j.outagePause(seen.Untried, p, now), ForGateway, now)
	case UnknownHere:
		if j.Delivery >= lastUnknown {
			return j.orphan(seen.Err)
		}
		j.postpone(j.pause(unknownHere, longRest, now), ForSession, now)
	case TooLate:
		// A wait may find no place, and end with the same question.
		if j.isOver() {
			return j.endWithdrawn()
		}
		return j.late(now)
	case LeaseLost:
		return Step{Do: Drop}
	case Twin:
		return Step{Do: LeaveToTwin}
	case Settled:
		return Step{Do: Settle}
	case Itself:
		if j.Orphan != nil {
			return j.end(j.unserved(j.Orphan))
		}
		return j.end(endItself(seen.Err))
	case Stopped:
		return Step{Do: Leave}
	}
	return j.yield()
}

// orphan ends a command whose inspector no worker knows. If a call may have worked,
// another inspector asks for the agent's state first; asking changes nothing.
func (j *Job) orphan(why error) Step {
	if j.Effect == None || j.Orphan != nil {
		return j.end(j.unserved(why))
	}
	j.Orphan, j.QueryFirst = why, true
	return Step{Do: Secure}
}

func (j *Job) end(e Ending) Step { return Step{Do: End, Ending: e} }

// yield gives the command back until it is due, or has expired.
func (j *Job) yield() Step {
	j.DueAt = clock.Earlier(j.DueAt, j.Expires)
	return Step{Do: Yield, Until: j.DueAt, For: j.reason()}
}

// awaitSession leaves alone when the command is due, and why: that counts again when the
// session is there.
func (j *Job) awaitSession() Step {
	return Step{Do: AwaitSession, Until: j.Expires, For: ForSession}
}
