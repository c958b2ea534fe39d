package session

import "time"

// pace is how soon a sign-in is tried again.
type pace struct{ first, last time.Duration }

func soon() pace  { return pace{time.Second, 30 * time.Second} }
func taken() pace { return pace{10 * time.Second, time.Minute} }

// rarely is for what a person has to mend.
func (c Config) rarely() pace { return pace{2 * time.Minute, max(2*time.Minute, c.LockRetry)} }

// delay after a number of tries in a row that ended alike.
func (p pace) delay(tries int) time.Duration {
	d := p.first
	for range tries - 1 {
		d = min(2*d, p.last)
	}
	return d
}
