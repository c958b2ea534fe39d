package job

import (
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// Effect is what the calls that were made for a command may have done. A call that works
// raises it or ends the command; only an answered state query lowers it.
type Effect int

// The effects.
const (
	None     Effect = iota
	Possible        // a call was made, and nobody knows what came of it
	Claimed         // the gateway said that the agent is signed out
)

// raise notes what a call may have done.
func (j *Job) raise(e Effect) { j.Effect = max(j.Effect, e) }

// Doubt notes that another worker may have called for this command.
func (j *Job) Doubt() {
	j.Redelivered, j.QueryFirst = true, true
	j.raise(Possible)
}

// goesOn reports whether a call may be under way at the gateway. The agent's state may
// change after it was told.
func (j *Job) goesOn(now time.Time) bool { return now.Before(j.OpenUntil) }

// askWhenOver puts off the command's end: the call that is under way may work after the
// answer that there is.
func (j *Job) askWhenOver() {
	j.QueryFirst = true
	j.rest(j.OpenUntil, ForRetry)
	j.raise(Possible)
}

// mayHaveWorked reports whether a call that did not succeed may have signed the agent
// out all the same: no answer of the gateway came to it, or somebody else is calling for
// the agent right now.
func (v Verdict) mayHaveWorked(answer gateway.Answer) bool {
	switch v.Hint {
	case TooFast:
		return true
	case WholeGateway:
		return answer.Retcode == "" || answer.Retcode == gateway.RetcodeSuccess
	default:
		return false
	}
}
