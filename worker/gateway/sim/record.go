package sim

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Call is one call as the gateway saw it.
type Call struct {
	Seq        int // in the order of the calls' starts, from 1
	Start, End time.Time
	Method     string
	Path       string // as it came, escaped
	Op         string // OpForceLogout, OpAgentState or OpOther
	Inspector  string
	WorkNo     string
	GUID       string
	Retcode    string // "" where none was answered
	HTTPStatus int    // 0 where nothing was answered
	Fault      Fault
	Effect     bool // this call signed the agent out
}

// The operations of a Call.
const (
	OpForceLogout = "forcelogout"
	OpAgentState  = "agentbyworkno"
	OpOther       = "other"
)

const defaultCallLog = 100_000

// record keeps the calls, and wakes who waits for one.
type record struct {
	limit int

	mu          sync.Mutex
	changed     chan struct{} // closed and replaced at each change
	awaited     bool          // somebody waits: only then are changes announced
	begun       int
	ended       []Call
	inFlight    int // force-logout calls
	maxInFlight int
}

func newRecord(limit int) *record {
	if limit <= 0 {
		limit = defaultCallLog
	}
	return &record{limit: limit, changed: make(chan struct{})}
}

func (r *record) begin(call *Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun++
	call.Seq = r.begun
	if call.Op == OpForceLogout {
		r.inFlight++
		r.maxInFlight = max(r.maxInFlight, r.inFlight)
	}
	r.announce()
}

func (r *record) end(call *Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	call.End = time.Now()
	if call.Op == OpForceLogout {
		r.inFlight--
	}
	if len(r.ended) >= r.limit {
		// In one go, so that a long run does not move the record at each call.
		r.ended = slices.Delete(r.ended, 0, r.limit/10+1)
	}
	r.ended = append(r.ended, *call)
	r.announce()
}

func (r *record) announce() {
	if r.awaited {
		close(r.changed)
		r.changed = make(chan struct{})
		r.awaited = false
	}
}

// await blocks until done, called with the lock held, is true.
func (r *record) await(ctx context.Context, done func() bool) error {
	for {
		r.mu.Lock()
		if done() {
			r.mu.Unlock()
			return nil
		}
		r.awaited = true
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Calls returns the calls that have ended, in the order of their starts.
func (g *Gateway) Calls() []Call {
	return g.record.find(func(Call) bool { return true })
}

// CallsTo returns the ended calls of one operation for one agent.
func (g *Gateway) CallsTo(workNo, op string) []Call {
	return g.record.find(func(c Call) bool { return c.WorkNo == workNo && c.Op == op })
}

func (r *record) find(match func(Call) bool) []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []Call
	for _, call := range r.ended {
		if match(call) {
			found = append(found, call)
		}
	}
	slices.SortFunc(found, func(a, b Call) int { return a.Seq - b.Seq })
	return found
}

// AwaitCall returns the first ended call that matches, and waits for it if there
// is none yet.
func (g *Gateway) AwaitCall(ctx context.Context, match func(Call) bool) (Call, error) {
	var found Call
	next := 0
	err := g.record.await(ctx, func() bool {
		for ; next < len(g.record.ended); next++ {
			if found = g.record.ended[next]; match(found) {
				return true
			}
		}
		return false
	})
	return found, err
}

// AwaitInFlight waits until at least n force-logout calls are in flight at once.
func (g *Gateway) AwaitInFlight(ctx context.Context, n int) error {
	return g.record.await(ctx, func() bool { return g.record.inFlight >= n })
}

// MaxInFlight is the largest number of force-logout calls that were in flight at
// once.
func (g *Gateway) MaxInFlight() int {
	g.record.mu.Lock()
	defer g.record.mu.Unlock()
	return g.record.maxInFlight
}
