package session

import "time"

const (
	// cutOffTime is how long a keeper may get no answer of the gateway, from when one
	// was due, before it lets another try: it may be the only one that is cut off.
	cutOffTime = 30 * time.Second
	// restTime is how long a keeper that was cut off leaves the lease to the others.
	restTime = 3 * time.Second
)

// silence is how long a keeper has had no answer of the gateway, or nothing to ask it
// with.
type silence struct {
	limit time.Duration
	since time.Time // zero while the gateway answers
}

func (s *silence) begin() {
	if s.since.IsZero() {
		s.since = time.Now()
	}
}

func (s *silence) end() { s.since = time.Time{} }

func (s *silence) lasts() bool { return !s.since.IsZero() }

// cutOff reports whether it lasts so long that another worker shall try.
func (s *silence) cutOff() bool { return s.lasts() && time.Since(s.since) > s.limit }
