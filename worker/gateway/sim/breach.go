package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// mostBreaches is how many breaches are kept; the others are counted.
const mostBreaches = 1000

// Breach is something that the vendor forbids and a client did.
type Breach struct {
	What   string
	Call   Call
	Before Call // which it must not overlap; the zero value where it is wrong by itself
}

// String is for tests.
func (b Breach) String() string {
	if b.Before.Seq == 0 {
		return fmt.Sprintf("%s: call %d, %s %s", b.What, b.Call.Seq, b.Call.Method, b.Call.Path)
	}
	return fmt.Sprintf("%s: call %d, %s, and call %d, %s", b.What, b.Before.Seq, b.Before.Op, b.Call.Seq, b.Call.Op)
}

// Breaches returns what clients did that the vendor forbids, the first thousand. Two
// calls that overlap are there when the first has ended, and not if its client had gone
// away.
func (g *Gateway) Breaches() []Breach {
	g.record.mu.Lock()
	defer g.record.mu.Unlock()
	return slices.Clone(g.record.breaches)
}

// BreachCounts returns how many breaches there were of each kind.
func (g *Gateway) BreachCounts() map[string]int {
	g.record.mu.Lock()
	defer g.record.mu.Unlock()
	return maps.Clone(g.record.breachCounts)
}

// AwaitBreaches returns the breaches behind the first n, and waits for one if there is
// none yet. The error is the context's, and comes when all have been returned.
func (g *Gateway) AwaitBreaches(ctx context.Context, n int) ([]Breach, error) {
	for {
		over := ctx.Err() // before the look: what was noted until then is not missed
		g.record.mu.Lock()
		found := slices.Clone(g.record.breaches[min(n, len(g.record.breaches)):])
		changed := g.record.change()
		g.record.mu.Unlock()
		if len(found) > 0 {
			return found, nil
		}
		if over != nil {
			return nil, over
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// kind is of which calls of an inspector there must not be two at once.
func kind(op string) string {
	switch op {
	case OpSignIn, OpForceSignIn, OpPlatformSignIn, OpForcePlatformSignIn, OpSignOut:
		return "sign-ins and sign-outs at once"
	case OpPoll:
		return "two polls at once"
	default:
		return ""
	}
}

// overlaps notes the calls that are under way and must not be when this one begins.
func (r *record) overlaps(call *Call) {
	what := kind(call.Op)
	if what == "" {
		return
	}
	for other := range r.open {
		if other.Inspector == call.Inspector && kind(other.Op) == what {
			r.suspected = append(r.suspected, suspicion{what, other, *call})
		}
	}
	r.open[call] = struct{}{}
}

// suspicion is a breach unless the client of the first call had gone away.
type suspicion struct {
	what   string
	before *Call
	after  Call // as it began
}

// decideOverlaps is told of the end of a call.
func (r *record) decideOverlaps(call *Call) {
	delete(r.open, call)
	left := r.suspected[:0]
	for _, s := range r.suspected {
		switch {
		case s.before != call:
			left = append(left, s)
		case !call.Abandoned:
			r.note(Breach{s.what, s.after, *s.before})
		}
	}
	r.suspected = left
}

// breach notes a call that is wrong by itself.
func (r *record) breach(what string, call *Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(Breach{What: what, Call: *call})
	r.announce()
}

func (r *record) note(b Breach) {
	r.breachCounts[b.What]++
	if len(r.breaches) < mostBreaches {
		r.breaches = append(r.breaches, b)
	}
}

// isSignIn reports whether an operation has a body.
func isSignIn(op string) bool {
	return op == OpSignIn || op == OpForceSignIn || op == OpPlatformSignIn || op == OpForcePlatformSignIn
}
