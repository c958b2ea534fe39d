package job

import (
	"testing"
	"time"
)

// TestDelay: exponential up to Max, half of it random, not below what the gateway asks
// for, and that not above Max.
func TestDelay(t *testing.T) {
	t.Parallel()
	retry := Retry{MaxAttempts: 9, Initial: 100 * time.Millisecond, Max: time.Second}
	for calls, middle := range map[int]time.Duration{1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 3: 400 * time.Millisecond, 4: 800 * time.Millisecond, 5: time.Second, 50: time.Second} {
		for range 200 {
			if d := retry.delay(calls, 0); d < middle/2 || d > middle*3/2+time.Nanosecond {
				t.Fatalf("after %d calls: %v, want %v give or take half", calls, d, middle)
			}
		}
	}
	for after, want := range map[time.Duration]time.Duration{900 * time.Millisecond: 900 * time.Millisecond, time.Hour: time.Second} {
		if d := retry.delay(1, after); d != want {
			t.Errorf("with Retry-After %v: %v, want %v", after, d, want)
		}
	}
}

// TestGrown: a pause doubles with each delivery, give or take a tenth, up to the most.
func TestGrown(t *testing.T) {
	t.Parallel()
	for delivery, middle := range map[uint64]time.Duration{0: time.Second, 1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 6: 30 * time.Second, 1 << 40: 30 * time.Second} {
		for range 50 {
			if d := grown(time.Second, 30*time.Second, delivery); d < middle*9/10 || d > middle*11/10+time.Nanosecond {
				t.Fatalf("delivery %d: %v, want about %v", delivery, d, middle)
			}
		}
	}
}
