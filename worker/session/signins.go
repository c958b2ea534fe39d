package session

import "time"

const (
	// proofTime is how long a session must live to count as one.
	proofTime = 20 * time.Second
	// forcedRest is the first pause between forced sign-ins: two programs that
	// evict each other must come to rest.
	forcedRest = time.Minute
)

// signIns is what a worker remembers of its sign-ins.
type signIns struct {
	password string        // of the last try
	tries    int           // in a row, with the same pace
	at       pace          // their pace
	pause    time.Duration // before the next
	unproven int           // sign-ins in a row whose sessions were soon lost
	proven   time.Time     // when the present session will have proved itself

	forced    int       // forced sign-ins close to each other
	forcedAt  time.Time // the last one
	mayForce  time.Time // not before
	useForced bool      // the next sign-in is a forced one

	former string // the last former session that was tried
	ended  string // the last former session that was signed out
}

// begin sets the pause before the first of some tries: a gateway that loses each session
// at once must not be stormed.
func (s *signIns) begin() {
	s.pause = 0
	if s.unproven > 0 {
		s.pause = soon().delay(s.unproven)
	}
}

// succeeded notes a sign-in. Whether it is worth anything shows later.
func (s *signIns) succeeded() {
	s.tries, s.pause, s.former, s.ended = 0, 0, "", ""
	s.unproven++
	s.proven = time.Now().Add(proofTime)
}

// lasts is told that the session is good.
func (s *signIns) lasts() {
	s.former = ""
	if s.unproven > 0 && time.Now().After(s.proven) {
		s.unproven = 0
	}
}

// failed sets the pause before the next try.
func (s *signIns) failed(at pace) {
	if at != s.at {
		s.at, s.tries = at, 0
	}
	s.tries++
	s.pause = at.delay(s.tries)
}

// changed is told that there is another password: it is tried at once.
func (s *signIns) changed() { s.pause, s.tries = 0, 0 }

// force notes a forced sign-in that is about to be made, and when the next may be.
func (s *signIns) force(now time.Time) {
	if now.Sub(s.forcedAt) > 20*forcedRest {
		s.forced = 0
	}
	s.forced++
	s.forcedAt = now
	s.mayForce = now.Add(pace{forcedRest, 10 * forcedRest}.delay(s.forced))
}

// remedy is what a keeper can do when the gateway says that somebody is signed in.
type remedy int

const (
	waitForEnd   remedy = iota // of the other's session
	resumeFormer               // somebody is the former session, which was lost by a mistake
	endFormer                  // polls do not take it: sign it out, or it is in the way until it ends
	evict                      // by a forced sign-in
)

// remedy returns the next one, given the former session and whether force is allowed.
// Each is tried once; with both marks of a former session set, the next one is tried.
func (s *signIns) remedy(former string, force bool, now time.Time) remedy {
	switch {
	case former != "" && former != s.former:
		return resumeFormer
	case former != "" && former != s.ended:
		return endFormer
	case force && now.After(s.mayForce):
		return evict
	default:
		return waitForEnd
	}
}
