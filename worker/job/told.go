package job

import (
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// told decides on what a state query has come to.
func (j *Job) told(seen Seen, p Policy, now time.Time) Step {
	j.Down = seen.Down
	j.state, j.lookedAt = seen.State, now
	switch {
	case seen.State.Presence == gateway.PresenceSignedOut:
		j.Inspector = seen.Inspector
		j.look(seen.State, now)
		return j.finish(j.out(), now)
	case seen.State.Presence == gateway.PresenceSignedIn && j.Effect == Possible && !j.goesOn(now):
		// Before OpenUntil the call may still work after this answer.
		j.Effect = None
	}
	j.look(seen.State, now)
	if j.isOver() {
		return j.endWithdrawn()
	}
	if j.Cancelled == nil && j.Protected && j.Effect != Possible {
		return j.endSpared()
	}
	if seen.Verdict.Class == retcode.Session && !j.renewed() {
		return j.awaitSession()
	}
	if j.Cancelled != nil {
		return j.settle(endCancelledUntold(*j.Cancelled), seen.Verdict, p, now)
	}
	if j.Protected {
		return j.settle(endProtectedUntold(), seen.Verdict, p, now)
	}
	if j.Orphan != nil {
		return j.toldOfOrphan(seen.Verdict, p, now)
	}
	if j.QueryFirst {
		if !seen.Verdict.answersState() && j.Effect != None {
			j.queryLater(seen.Verdict, p, now)
			return j.unlessExhausted(p, now)
		}
		j.QueryFirst, j.Unread = false, 0
		if _, over := j.exhausted(p); over && j.goesOn(now) && seen.State.Presence == gateway.PresenceSignedIn {
			j.askWhenOver()
			return j.next(now)
		}
		if end, over := j.exhausted(p); over {
			return j.end(end)
		}
	}
	if j.dueIn(now) > 0 {
		return j.next(now)
	}
	return j.onCondition(seen.Verdict, p, now)
}

// settle ends a command that nobody may call for, or waits for an answer that settles its
// end. Untold is its end where the gateway does not tell.
func (j *Job) settle(untold Ending, v Verdict, p Policy, now time.Time) Step {
	switch {
	case !v.answersState():
		j.queryLater(v, p, now)
		return j.next(now)
	case j.goesOn(now):
		j.askWhenOver()
		return j.next(now)
	default:
		return j.end(untold)
	}
}

// toldOfOrphan ends a command that nobody can call for, or waits for an answer that settles
// its end.
func (j *Job) toldOfOrphan(v Verdict, p Policy, now time.Time) Step {
	switch {
	case !v.answersState():
		j.queryLater(v, p, now)
		if j.Unread < p.Retry.MaxAttempts {
			return j.next(now)
		}
	case j.goesOn(now):
		j.askWhenOver()
		return j.next(now)
	}
	return j.end(j.unserved(j.Orphan))
}

// onCondition decides about a call that the command allows under a condition only: that the
// agent has not signed in again since, or is on no call.
func (j *Job) onCondition(v Verdict, p Policy, now time.Time) Step {
	switch {
	case !j.conditional(now):
		return Step{Do: Call}
	case v.isUnclear():
		// The gateway can tell, but not now: a call would be blind.
		j.Trouble = "the agent's state could not be read: " + v.Meaning
		return j.retryLater(NoHint, p, now)
	case j.isSuperseded(j.state):
		return j.end(endSuperseded(j.state.SignedInAt))
	case j.isBusy(j.state, now):
		j.rest(clock.Earlier(now.Add(j.pause(lookAtCall, lastLookAtCall, now)), j.busyUntil(j.state, now)), ForCall)
		return j.next(now)
	default:
		return Step{Do: Call}
	}
}
