package intake

import (
	"testing"
	"time"
)

// TestCapacity: what may be pulled follows what has started, not what waits.
func TestCapacity(t *testing.T) {
	t.Parallel()
	r := NewCapacity(16, 0) // capacity 28, pulls of 3 or more
	if n := r.reserve(0); n != 28 {
		t.Fatalf("the first pull is of %d", n)
	}
	if n := r.reserve(0); n != 0 {
		t.Fatalf("everything is asked for, and %d more", n)
	}
	for range 28 {
		r.delivered()
	}
	if n := r.reserve(0); n != 0 || r.pulling() {
		t.Fatalf("no room, and a pull of %d", n)
	}
	if !r.tryWait() {
		t.Fatal("a command may not wait")
	}
	r.leave(starting)
	if n := r.reserve(0); n != 0 {
		t.Fatalf("one waits and one has ended, a pull of %d", n)
	}
	r.leave(starting)
	if n := r.reserve(0); n != 3 {
		t.Fatalf("one waits and two have ended, a pull of %d", n)
	}
	r.unfilled(3)
	if n := r.reserve(0); n != 3 {
		t.Errorf("an unfilled pull gives a pull of %d", n)
	}
}

// TestCapacityStopsForResults: with results that cannot be stored, nothing more is
// called.
func TestCapacityStopsForResults(t *testing.T) {
	t.Parallel()
	r := NewCapacity(1, 0)
	for range r.maxReporting {
		if r.reserve(0) != 1 {
			t.Fatal("no room")
		}
		r.delivered()
		r.move(starting, reporting)
	}
	if n := r.reserve(0); n != 0 {
		t.Errorf("%d unstored results, and a pull of %d", r.maxReporting, n)
	}
	r.leave(reporting)
	if n := r.reserve(0); n != 1 {
		t.Errorf("a result is stored, and a pull of %d", n)
	}
}

// TestCapacityBoundsWaiting: a process holds only so many waits; the others go back
// to the server.
func TestCapacityBoundsWaiting(t *testing.T) {
	t.Parallel()
	r := NewCapacity(1, 0)
	for range r.maxWaiting {
		r.reserve(0)
		r.delivered()
		if !r.tryWait() {
			t.Fatal("a command may not wait")
		}
	}
	r.reserve(0)
	r.delivered()
	if r.tryWait() {
		t.Error("more commands wait than the process may hold")
	}
}

// TestCapacityFromFar: the farther NATS is, the more is on its way, up to three times the
// slots.
func TestCapacityFromFar(t *testing.T) {
	t.Parallel()
	for roundTrip, want := range map[time.Duration]int{0: 112, 100 * time.Microsecond: 112, 10 * time.Millisecond: 163, time.Second: 192} {
		if n := NewCapacity(64, roundTrip).reserve(0); n != want {
			t.Errorf("%v away, the first pull is of %d, want %d", roundTrip, n, want)
		}
	}
}
