// Package clock compares moments.
package clock

import "time"

// Age is how long ago a moment was, by the clock that shows more: the monotonic clock
// stands still while a machine is suspended, the wall clock may be set back.
func Age(now, then time.Time) time.Duration {
	return max(now.Sub(then), now.Round(0).Sub(then.Round(0)))
}

// Later returns the later of two moments.
func Later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Earlier returns the earlier of two moments.
func Earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
