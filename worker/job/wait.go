package job

import (
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
)

// longestWaitInHand is the longest wait that a command spends in this process. A longer
// one is the server's: then a killed worker delays nothing.
const longestWaitInHand = 2 * time.Second

// How long a command that cannot be called stays with the server before it is delivered
// again, at first and at most; see pause.
const (
	otherInspector = 5 * time.Second // another inspector works here
	noInspector    = time.Second     // no inspector works here
	unknownHere    = time.Second     // this worker does not know the inspector
	gatewayDown    = time.Second     // and the command may show that it is back
	noTurn         = time.Second     // others have the next ones

	longRest  = 30 * time.Second
	shortRest = 8 * time.Second // for what may end at any moment
)

// The state of an agent who may end their call is asked again after lookAtCall, and then
// more and more seldom.
const (
	lookAtCall     = 5 * time.Second
	lastLookAtCall = 20 * time.Second
)

// From the delivery lastUnknown on, half a minute after the first, a rollout no longer
// explains an inspector whom this worker does not know.
const lastUnknown = 6

// maxRenewals is how often in a row one command takes up another or a renewed session,
// before it rests: they may all be refused.
const maxRenewals = 3

// renewed counts one more refused session, and is true each maxRenewals-th time in a row.
// An answered call ends the row. An answered question does not: where every call is refused
// and every question answered, the command would never rest.
func (j *Job) renewed() bool {
	j.renewals++
	return j.renewals%maxRenewals == 0
}

// pause is how long a command that could not be called stays with the server. It grows
// with each delivery, so that the command does not get in front of those that can be
// called, and ends early enough for one more delivery before expiry.
func (j *Job) pause(first, most time.Duration, now time.Time) time.Duration {
	return min(grown(first, most, j.Delivery), max(first, j.Expires.Sub(now)/2))
}

// inspectorPause is how long a command stays with the server that no inspector here can make
// the call for.
func (j *Job) inspectorPause(elsewhere bool, now time.Time) time.Duration {
	if elsewhere {
		return j.pause(otherInspector, longRest, now)
	}
	return j.pause(noInspector, shortRest, now)
}

// outagePause is how long a command stays with the server while the gateway is down. A
// command that no worker has called for comes back soon, whatever the number of its
// deliveries: all may be waiting for this very call, and while the gateway is down too few
// are pulled to be a burden.
func (j *Job) outagePause(untried bool, p Policy, now time.Time) time.Duration {
	if untried {
		return j.pause(gatewayDown, p.TrialPause, now)
	}
	return j.pause(2*p.TrialPause, longRest, now)
}

// rest sets when the command is due, and what it waits for.
func (j *Job) rest(until time.Time, why Reason) { j.DueAt, j.waitsFor = until, why }

// inTime makes the command due before it expires. A command whose call may have worked
// becomes due while there is time to ask, after half of the time left.
func (j *Job) inTime(now time.Time) {
	left := j.Expires.Sub(now)
	if j.QueryFirst && j.Effect != None && left > 2*ShortestCall && j.DueAt.After(j.Expires.Add(-ShortestCall)) {
		j.DueAt = now.Add(left / 2)
	}
	j.DueAt = clock.Earlier(j.DueAt, j.Expires)
}

// postpone makes the command due later, but not later than it lives.
func (j *Job) postpone(d time.Duration, why Reason, now time.Time) {
	j.rest(clock.Earlier(j.Expires, clock.Later(j.DueAt, now.Add(d))), why)
}

// reason is what the command waits for. The note of a command that was handed back does
// not say; a command that was called for before waits for its retry.
func (j *Job) reason() Reason {
	switch {
	case j.waitsFor != "":
		return j.waitsFor
	case j.Calls > 0:
		return ForRetry
	default:
		return ForTime
	}
}
