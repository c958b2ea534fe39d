package worker

import (
	"fmt"
	"sync"
	"time"
)

// phase is where a command in hand stands.
type phase int

const (
	starting  phase = iota // admitted, waiting for a slot, or in a call
	waiting                // parked in this process until a retry is due
	reporting              // its end is known; the result is on its way
	phases
)

// room decides how many commands may be asked from the server: only what can
// start soon. A command that waits for a retry takes no room; unstored results
// do, because calling on without being able to record would pile up work that
// a crash repeats.
type room struct {
	roundTrip    time.Duration // to NATS and back
	full         int           // starting commands: the slots and what hides the way to NATS
	maxWaiting   int
	maxReporting int

	// changed has a token when a pull may have become possible.
	changed chan struct{}

	mu        sync.Mutex
	capacity  int // starting commands at present
	inPhase   [phases]int
	requested int  // asked from the server, not yet delivered
	shut      bool // nothing may be asked for now
}

// fastCall is how long a gateway takes at least for a call.
const fastCall = 50 * time.Millisecond

func newRoom(concurrency int, roundTrip time.Duration) *room {
	r := &room{
		roundTrip:    roundTrip,
		maxWaiting:   max(1024, 8*concurrency),
		maxReporting: max(256, 4*concurrency),
		changed:      make(chan struct{}, 1),
	}
	r.full = r.capacityFor(concurrency)
	r.capacity = r.full
	return r
}

// capacityFor is three quarters more than the slots: that keeps every slot busy
// while the next batch is on its way, and lets no command wait for longer than one
// call. From a server that is far, more have to be on their way: four round trips of
// what calls of fastCall use up, for the pull, the two looks whether a command may
// run, and the pull's turn.
func (r *room) capacityFor(calls int) int {
	away := time.Duration(calls) * 4 * r.roundTrip / fastCall
	return calls + calls*3/4 + min(int(away), calls*5/4)
}

// narrow fits the pulls to how many calls may be in flight for now.
func (r *room) narrow(calls int) {
	r.mu.Lock()
	r.capacity = min(r.full, r.capacityFor(calls))
	r.mu.Unlock()
	r.signal()
}

// pullShare is the part of the room that is pulled at least: what is in hand keeps the
// slots busy meanwhile, and many small pulls are many requests.
const pullShare = 8

// reserve returns how many commands to pull now, 0 for none, and counts them as
// requested. The consumer may have a limit for one pull, 0 for none.
func (r *room) reserve(limit int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.free()
	if r.shut || n < max(1, r.capacity/pullShare) {
		return 0
	}
	if limit > 0 {
		n = min(n, limit)
	}
	r.requested += n
	return n
}

func (r *room) free() int {
	return min(
		r.capacity-r.inPhase[starting]-r.requested,
		r.maxReporting-r.inPhase[reporting]-r.requested,
	)
}

// delivered turns one requested command into a starting one.
func (r *room) delivered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requested--
	r.inPhase[starting]++
}

// unfilled gives back what a pull asked for and did not get.
func (r *room) unfilled(n int) {
	r.mu.Lock()
	r.requested -= n
	r.mu.Unlock()
	r.signal()
}

func (r *room) move(from, to phase) {
	r.mu.Lock()
	r.inPhase[from]--
	r.inPhase[to]++
	r.mu.Unlock()
	r.signal()
}

// tryWait moves a starting command to waiting if the process may hold one more.
func (r *room) tryWait() bool {
	r.mu.Lock()
	if r.inPhase[waiting] >= r.maxWaiting {
		r.mu.Unlock()
		return false
	}
	r.inPhase[starting]--
	r.inPhase[waiting]++
	r.mu.Unlock()
	r.signal()
	return true
}

// mayWait reports whether the process may hold one more command that waits.
func (r *room) mayWait() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inPhase[waiting] < r.maxWaiting
}

func (r *room) leave(from phase) {
	r.mu.Lock()
	r.inPhase[from]--
	r.mu.Unlock()
	r.signal()
}

func (r *room) count(p phase) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inPhase[p]
}

// open lets commands be asked for, or not. What was asked for before still comes:
// a pull that is ended loses what is on its way, for as long as AckWait.
func (r *room) open(yes bool) {
	r.mu.Lock()
	r.shut = !yes
	r.mu.Unlock()
	r.signal()
}

// isRestricted reports whether nothing may be asked for, or less than usual.
func (r *room) isRestricted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shut || r.capacity < r.full
}

// isShut reports whether nothing may be asked for.
func (r *room) isShut() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shut || r.capacity == 0
}

// String says what takes the room.
func (r *room) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("%d of %d commands are starting or in a call, %d of %d results are to be stored, %d wait for a retry",
		r.inPhase[starting], r.capacity, r.inPhase[reporting], r.maxReporting, r.inPhase[waiting])
}

func (r *room) signal() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// pulling reports whether commands have been asked for and not come yet.
func (r *room) pulling() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requested > 0
}
