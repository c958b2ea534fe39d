package intake

import (
	"fmt"
	"sync"
	"time"
)

// phase is where a delivery in hand stands.
type phase int

const (
	starting  phase = iota // being admitted, waiting for a slot, or in a call
	waiting                // parked in this process until a retry is due
	reporting              // its end is known; the result is on its way
	phases
)

// Capacity decides how many commands may be asked from the server: only what can
// start soon. A command that waits for a retry takes no room; unstored results
// do, because calling on without being able to record would pile up work that
// a crash repeats.
type Capacity struct {
	roundTrip    time.Duration // to NATS and back
	full         int           // starting commands: the slots and what hides the way to NATS
	maxWaiting   int
	maxReporting int

	// changed has a token when a pull may have become possible.
	changed chan struct{}

	mu        sync.Mutex
	present   int // starting commands at present
	inPhase   [phases]int
	requested int  // asked from the server, not yet delivered
	shut      bool // nothing may be asked for now
}

// fastCall is how long a gateway takes at least for a call.
const fastCall = 50 * time.Millisecond

// NewCapacity is of a process that makes so many calls at a time, and whose NATS is so far
// away.
func NewCapacity(concurrency int, roundTrip time.Duration) *Capacity {
	c := &Capacity{
		roundTrip:    roundTrip,
		maxWaiting:   max(1024, 8*concurrency),
		maxReporting: max(256, 4*concurrency),
		changed:      make(chan struct{}, 1),
	}
	c.full = c.capacityFor(concurrency)
	c.present = c.full
	return c
}

// capacityFor is 1.75 × the concurrent calls, so that no slot waits for the next pull; plus,
// when NATS is far, what calls of fastCall consume in four round trips (the pull, its turn,
// and two look-ups), at most 1.25 ×.
func (c *Capacity) capacityFor(calls int) int {
	away := time.Duration(calls) * 4 * c.roundTrip / fastCall
	return calls + calls*3/4 + min(int(away), calls*5/4)
}

// Narrow fits the pulls to how many calls may be in flight for now.
func (c *Capacity) Narrow(calls int) {
	c.mu.Lock()
	c.present = min(c.full, c.capacityFor(calls))
	c.mu.Unlock()
	c.signal()
}

// pullShare is the part of the room that is pulled at least: what is in hand keeps the
// slots busy meanwhile, and many small pulls are many requests.
const pullShare = 8

// reserve returns how many commands to pull now, 0 for none, and counts them as
// requested. The consumer may have a limit for one pull, 0 for none.
func (c *Capacity) reserve(limit int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.free()
	if c.shut || n < max(1, c.present/pullShare) {
		return 0
	}
	if limit > 0 {
		n = min(n, limit)
	}
	c.requested += n
	return n
}

func (c *Capacity) free() int {
	return min(
		c.present-c.inPhase[starting]-c.requested,
		c.maxReporting-c.inPhase[reporting]-c.requested,
	)
}

// delivered turns one requested command into a starting one.
func (c *Capacity) delivered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requested--
	c.inPhase[starting]++
}

// unfilled gives back what a pull asked for and did not get.
func (c *Capacity) unfilled(n int) {
	c.mu.Lock()
	c.requested -= n
	c.mu.Unlock()
	c.signal()
}

func (c *Capacity) move(from, to phase) {
	c.mu.Lock()
	c.inPhase[from]--
	c.inPhase[to]++
	c.mu.Unlock()
	c.signal()
}

// tryWait moves a starting command to waiting if the process may hold one more.
func (c *Capacity) tryWait() bool {
	c.mu.Lock()
	if c.inPhase[waiting] >= c.maxWaiting {
		c.mu.Unlock()
		return false
	}
	c.inPhase[starting]--
	c.inPhase[waiting]++
	c.mu.Unlock()
	c.signal()
	return true
}

func (c *Capacity) leave(from phase) {
	c.mu.Lock()
	c.inPhase[from]--
	c.mu.Unlock()
	c.signal()
}

// InHand counts deliveries: all, and those of them that wait.
func (c *Capacity) InHand() (all, waits int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inPhase[starting] + c.inPhase[waiting] + c.inPhase[reporting], c.inPhase[waiting]
}

// MaxReporting is how many results may be on their way into the ledger.
func (c *Capacity) MaxReporting() int { return c.maxReporting }

// Open lets commands be asked for, or not. What was asked for before still comes:
// a pull that is ended loses what is on its way, for as long as AckWait.
func (c *Capacity) Open(yes bool) {
	c.mu.Lock()
	c.shut = !yes
	c.mu.Unlock()
	c.signal()
}

// IsRestricted reports whether nothing may be asked for, or less than usual.
func (c *Capacity) IsRestricted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shut || c.present < c.full
}

// isShut reports whether nothing may be asked for.
func (c *Capacity) isShut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shut || c.present == 0
}

// String says what takes the room.
func (c *Capacity) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%d of %d commands are starting or in a call, %d of %d results are to be stored, %d wait for a retry",
		c.inPhase[starting], c.present, c.inPhase[reporting], c.maxReporting, c.inPhase[waiting])
}

func (c *Capacity) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// pulling reports whether commands have been asked for and not come yet.
func (c *Capacity) pulling() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requested > 0
}
