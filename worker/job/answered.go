package job

import (
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// answered decides on what a call has come to.
func (j *Job) answered(seen Seen, p Policy, now time.Time) Step {
	v := seen.Verdict
	j.Down = seen.Down
	j.Answer, j.Verdict, j.Trouble = seen.Answer, v, Trouble(seen.Answer, seen.Err, v)
	j.Avoid = ""
	if v.Hint == NoRight {
		j.Avoid = seen.Inspector
	}
	switch v.Class {
	case retcode.Success:
		if p.Confirm {
			j.Effect = Claimed
			return Step{Do: Confirm}
		}
		return j.finish(endSignedOut(), now)
	case retcode.Permanent:
		return j.giveUp(p, now)
	case retcode.Session:
		// With another session, or when this one has been found good, the command goes on
		// and has lost no attempt.
		if j.renewed() {
			j.rest(now.Add(j.pause(otherInspector, longRest, now)), ForSession)
		}
		return j.next(now)
	}
	j.renewals = 0
	if v.mayHaveWorked(seen.Answer) {
		// The agent's state decides before the next call, but it is not asked right away,
		// to spare a gateway in trouble.
		j.QueryFirst = true
		j.raise(Possible)
		j.OpenUntil = now.Add(p.CallTimeout)
	}
	if v.Hint == TooFast {
		// Somebody calls for this agent at this moment: that is no failure of this command.
		j.overtaken++
		j.rest(now.Add(min(p.CallTimeout, p.Retry.delay(j.overtaken, j.Answer.RetryAfter))), ForRetry)
		return j.next(now)
	}
	j.overtaken = 0
	return j.retryLater(v.Hint, p, now)
}

// confirmed decides on whether the agent was seen to be signed out after the gateway said
// so. An agent who is still signed in is tried again; where nothing can be seen the command
// ends unconfirmed.
func (j *Job) confirmed(seen Seen, p Policy, now time.Time) Step {
	j.Down = seen.Down
	if seen.State.Presence != gateway.PresenceSignedIn {
		return j.finish(j.done(seen.State.Presence), now)
	}
	j.Trouble = "the gateway said that the agent is signed out, but they stay signed in"
	stayed := false
	j.Confirmed = &stayed
	step := j.retryLater(NoHint, p, now)
	j.QueryFirst = true // they may be gone by then
	return step
}

// retryLater counts the attempt and sets when the next one is due. Where an agent's state
// can make it needless, that is asked at once. While the gateway is down nothing counts,
// and another command's call is tried first.
func (j *Job) retryLater(hint Hint, p Policy, now time.Time) Step {
	if j.Down {
		rest := max(j.pause(2*p.TrialPause, longRest, now), p.Retry.wished(j.Answer.RetryAfter))
		j.rest(now.Add(rest), ForGateway)
		return j.next(now)
	}
	j.Spent++
	j.rest(now.Add(p.Retry.delay(j.Spent, j.Answer.RetryAfter)), ForRetry)
	if hint == AskState {
		j.QueryFirst = true
		return Step{Do: Query}
	}
	return j.giveUp(p, now)
}

// queryLater puts off a question that the gateway could not answer now.
func (j *Job) queryLater(v Verdict, p Policy, now time.Time) {
	j.Trouble = "the agent's state could not be read: " + v.Meaning
	if j.Down {
		j.rest(now.Add(2*p.TrialPause), ForGateway)
		return
	}
	j.Unread++
	j.rest(now.Add(p.Retry.delay(j.Unread, 0)), ForRetry)
}

// giveUp ends a command after its last call, unless an earlier call may still be going on,
// or may have worked and be the reason that the last one failed: then it asks for the
// agent's state first.
func (j *Job) giveUp(p Policy, now time.Time) Step {
	if _, over := j.exhausted(p); over && j.goesOn(now) {
		j.QueryFirst = true
		j.raise(Possible)
	}
	return j.unlessExhausted(p, now)
}

func (j *Job) unlessExhausted(p Policy, now time.Time) Step {
	if end, over := j.exhausted(p); over {
		return j.end(end)
	}
	return j.next(now)
}

// exhausted is the end of a command that was refused or whose attempts are used up, unless
// a call may have worked and the agent's state has still to be asked.
func (j *Job) exhausted(p Policy) (Ending, bool) {
	most := p.Retry.MaxAttempts
	open := j.QueryFirst && j.Effect != None && j.Unread < most
	switch {
	case open:
		return Ending{}, false
	case j.Verdict.Class == retcode.Permanent, j.Verdict.Few && j.Spent >= retcode.FewAttempts:
		return endRefused(j.Trouble), true
	case j.Spent < most && j.Unread < most:
		return Ending{}, false
	case j.Effect == Claimed && j.Unread >= most:
		return j.done(gateway.PresenceUnknown), true // the gateway said so, and does not tell what came of it
	default:
		return endRetriesExhausted(j.Calls, j.Trouble), true
	}
}
