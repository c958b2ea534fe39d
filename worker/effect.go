package worker

import "github.com/forcelogout/forcelogout/worker/gateway"

// effect is what the calls that were made for a command may have done. A call that
// works raises it or ends the command; only an answered state query lowers it.
type effect int

const (
	effectNone     effect = iota
	effectPossible        // a call was made and nobody knows what came of it
	effectClaimed         // the gateway said that the agent is signed out
)

// mayHaveWorked reports whether a call that did not succeed may have signed the agent
// out all the same: no answer of the gateway came to it, or somebody else is calling for
// the agent right now.
func (v verdict) mayHaveWorked(answer gateway.Answer) bool {
	switch v.hint {
	case tooFast:
		return true
	case wholeGateway:
		return answer.Retcode == "" || answer.Retcode == gateway.RetcodeSuccess
	default:
		return false
	}
}

// raise notes what a call may have done.
func (x *execution) raise(e effect) { x.effect = max(x.effect, e) }

// doubt notes that another worker may have called for this command.
func (x *execution) doubt() {
	x.redelivered, x.ask = true, true
	x.raise(effectPossible)
}

// seenAs notes what a state query says about the agent.
func (x *execution) seenAs(p gateway.Presence) {
	if p == gateway.PresenceSignedIn && x.effect == effectPossible {
		x.effect = effectNone
	}
}
