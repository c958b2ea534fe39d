package outage

import (
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
)

const (
	// maxSuspects bounds what is remembered; what is beyond it counts as never tried.
	maxSuspects = 4096
	// suspectLife is how long after its last failure an agent is remembered.
	suspectLife = 15 * time.Minute
)

// suspects are the agents whose last call got no proper answer. They tell a gateway in
// trouble from agents that it cannot answer for: such an agent's calls fail, and in
// between those for others are answered.
type suspects struct {
	byAgent map[string]*suspect
	others  time.Time // the last call began that got a proper answer
	looked  time.Time // the gateway answered a question of the worker's own
	times   int       // number of the present period, with or without an outage
}

type suspect struct {
	failed time.Time // the last call
	in     int       // the period in which that call failed, see suspects.times
	proven bool      // others were answered between two failures, with no outage between
}

// fault is whom a failed call tells about.
type fault int

const (
	ofGateway fault = iota // as far as one can see
	ofAgent                // others are answered
	ofEither               // it was the agent's before, and nobody else has been tried since
)

// failed notes a call without a proper answer, and judges it. A gateway that was not
// reached has not been asked for anybody.
func (s *suspects) failed(workNo string, reached bool, now time.Time) fault {
	a := s.byAgent[workNo]
	if a == nil {
		s.makeRoom(now)
		if len(s.byAgent) < maxSuspects {
			s.byAgent[workNo] = &suspect{failed: now, in: s.times}
		}
		return ofGateway
	}
	before, in := a.failed, a.in
	a.failed, a.in = now, s.times
	if !reached {
		return ofGateway
	}
	othersFine := s.others.After(before)
	// Failures in two different periods prove nothing about the agent.
	a.proven = a.proven || othersFine && in == s.times
	switch {
	case othersFine, a.proven && s.looked.After(before):
		return ofAgent
	case a.proven:
		return ofEither
	default:
		return ofGateway
	}
}

// answered notes a call with a proper answer. What began before another's failure says
// nothing of that one: the gateway may have gone down in between.
func (s *suspects) answered(workNo string, began time.Time) {
	delete(s.byAgent, workNo)
	s.others = clock.Later(s.others, began)
}

// distrust forgets what was proven: the gateway itself does not answer any more.
func (s *suspects) distrust() {
	for _, a := range s.byAgent {
		a.proven = false
	}
}

// fresh reports whether an agent's call may tell something new about the gateway: it
// has not failed since the given time, and others have not been answered since it did:
// its calls may fail anyway.
func (s *suspects) fresh(workNo string, since time.Time) bool {
	a := s.byAgent[workNo]
	return a == nil || !a.proven && a.failed.Before(since) && !s.others.After(a.failed)
}

func (s *suspects) makeRoom(now time.Time) {
	if len(s.byAgent) < maxSuspects {
		return
	}
	for workNo, a := range s.byAgent {
		if now.Sub(a.failed) > suspectLife {
			delete(s.byAgent, workNo)
		}
	}
}
