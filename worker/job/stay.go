package job

import (
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/gateway"
)

// A command with stayOut is not over when its agent is signed out: they are looked at once
// more, some time later, and the one result says whether they are back. So the result waits
// for the look. What it will say is noted first, with Out, as surely as a result would be
// stored: whoever has the command from then on makes no call for it, and ends it as signed
// out whatever happens: expiry, withdrawal, a look that does not work.

const (
	// lookTime is how long the look may be late before the command ends without it.
	lookTime = time.Minute
	// outLife is how much longer what is known of an agent who is signed out is kept, until
	// there is a worker again.
	outLife = 24 * time.Hour
	// clocksDiffer is by how much the gateway's clock may differ from this one.
	clocksDiffer = 5 * time.Second
)

// finish ends a command whose agent is signed out, at once or after one more look.
func (j *Job) finish(e Ending, now time.Time) Step {
	if j.Command.StayOut == 0 || j.Cancelled != nil {
		return j.end(e)
	}
	j.Out = &messages.SignedOut{
		At: now, Already: e.outcome == messages.OutcomeAlreadySignedOut, Confirmed: j.Confirmed, Inspector: j.Inspector,
	}
	j.Unread = 0
	j.rest(j.lookAt(), ForStayOut)
	return Step{Do: Keep}
}

// ended is the end of a command whose agent was signed out before.
func (j *Job) ended() Ending {
	j.Confirmed, j.Inspector = j.Out.Confirmed, j.Out.Inspector
	if j.Out.Already {
		return endAlreadySignedOut()
	}
	return endSignedOut()
}

func (j *Job) lookAt() time.Time { return j.Out.At.Add(time.Duration(j.Command.StayOut)) }

// Until is when requests for the command end: with its life, or with its last look.
func (j *Job) Until() time.Time {
	if j.Out == nil {
		return j.Expires
	}
	return j.lookAt().Add(lookTime)
}

// NotedUntil is how long what is known of the command is needed.
func (j *Job) NotedUntil() time.Time {
	if j.Out == nil {
		return j.Expires
	}
	return j.Until().Add(outLife)
}

// stay decides about a command whose agent is signed out.
func (j *Job) stay(seen Seen, p Policy, now time.Time) Step {
	switch seen.What {
	case Kept:
		if seen.Err != nil {
			return j.end(j.ended()) // a result is stored more patiently than a note
		}
	case LeaseLost:
		return Step{Do: Drop}
	case Settled:
		return Step{Do: Settle}
	case Twin:
		return Step{Do: LeaveToTwin}
	case Stopped:
		return Step{Do: Leave}
	case Told:
		return j.lookedBack(seen, p, now)
	}
	switch {
	case seen.Lost:
		return Step{Do: Drop}
	case j.Cancelled != nil, j.Until().Sub(now) < ShortestCall:
		return j.end(j.ended())
	case seen.What == Draining:
		return j.yieldOut()
	}
	due := clock.Later(j.DueAt, j.lookAt())
	switch d := due.Sub(now); {
	case d > longestWaitInHand, d > 0 && seen.What == NoPlace:
		return j.yieldOut()
	case d > 0:
		return Step{Do: Wait, Until: due, For: ForStayOut}
	case seen.What == Ready, seen.What == Kept:
		return Step{Do: Query}
	default: // the look is barred
		j.DueAt = now.Add(j.inspectorPause(false, now))
		return j.yieldOut()
	}
}

// yieldOut gives the command back until its look.
func (j *Job) yieldOut() Step {
	j.rest(clock.Earlier(clock.Later(j.DueAt, j.lookAt()), j.Until()), ForStayOut)
	return Step{Do: Yield, Until: j.DueAt, For: ForStayOut}
}

// lookedBack decides on the last look. An agent whose present sign-in began before they
// were signed out has never left: the gateway said so all the same.
func (j *Job) lookedBack(seen Seen, p Policy, now time.Time) Step {
	state := seen.State
	switch {
	case state.Presence == gateway.PresenceSignedOut:
		j.Returned = new(bool)
	case state.Presence == gateway.PresenceSignedIn && !state.SignedInAt.IsZero() && state.SignedInAt.Before(j.Out.At.Add(-clocksDiffer)):
		j.Out.Confirmed = new(bool)
	case state.Presence == gateway.PresenceSignedIn:
		back := true
		j.Returned = &back
	case !seen.Verdict.answersState() && j.Unread+1 < p.Retry.MaxAttempts:
		j.Unread++
		j.DueAt = now.Add(p.Retry.delay(j.Unread, 0))
		return j.stay(Seen{What: Ready}, p, now)
	}
	return j.end(j.ended())
}
