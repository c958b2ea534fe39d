package clock

import (
	"testing"
	"time"
)

// TestAge: the clock that shows more counts. A monotonic clock that stood still while the
// machine was suspended is made here by moments without it.
func TestAge(t *testing.T) {
	t.Parallel()
	then := time.Now()
	suspended := then.Add(time.Second) // both clocks
	if got := Age(suspended, then); got != time.Second {
		t.Errorf("age %v, want a second", got)
	}
	// Round(0) drops the monotonic reading, so the wall clock decides.
	wall := then.Round(0).Add(time.Hour)
	if got := Age(wall, then); got != time.Hour {
		t.Errorf("age %v after an hour on the wall clock", got)
	}
	if got := Age(then.Add(time.Minute), then.Round(0).Add(-time.Hour)); got != time.Hour+time.Minute {
		t.Errorf("age %v", got)
	}
}
