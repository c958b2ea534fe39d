package sim

import (
	"cmp"
	"context"
	"slices"
)

// Calls returns a copy of the calls that have ended, in the order of their
// starts.
func (g *Gateway) Calls() []Call {
	g.record.mu.Lock()
	calls, _ := g.record.since(0)
	g.record.mu.Unlock()
	slices.SortFunc(calls, func(a, b Call) int { return cmp.Compare(a.Seq, b.Seq) })
	return calls
}

// CallsTo returns the ended calls of one operation for one agent, in the order
// of their starts.
func (g *Gateway) CallsTo(workNo, op string) []Call {
	return slices.DeleteFunc(g.Calls(), func(c Call) bool { return c.WorkNo != workNo || c.Op != op })
}

// AwaitCall returns the first ended call that matches, and waits for it if there
// is none yet. The error is the context's.
func (g *Gateway) AwaitCall(ctx context.Context, match func(Call) bool) (Call, error) {
	seen := 0
	for {
		g.record.mu.Lock()
		calls, total := g.record.since(seen)
		changed := g.record.change()
		g.record.mu.Unlock()
		// Without the lock: match may ask the gateway.
		for _, call := range calls {
			if match(call) {
				return call, nil
			}
		}
		seen = total
		select {
		case <-changed:
		case <-ctx.Done():
			return Call{}, ctx.Err()
		}
	}
}

// AwaitInFlight waits until at least n force-logout calls are in flight at once,
// held and hanging ones and refused ones included. The error is the context's.
func (g *Gateway) AwaitInFlight(ctx context.Context, n int) error {
	for {
		g.record.mu.Lock()
		inFlight, changed := g.record.inFlight, g.record.change()
		g.record.mu.Unlock()
		if inFlight >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// AwaitPoll waits until a poll for the inspector's present session waits for an
// event. The error is the context's.
func (g *Gateway) AwaitPoll(ctx context.Context, inspectorNo string) error {
	for {
		g.record.mu.Lock()
		changed := g.record.change()
		g.record.mu.Unlock()
		g.mu.Lock()
		s := g.session(inspectorNo)
		waits := s != nil && s.polls > 0
		g.mu.Unlock()
		if waits {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// MaxInFlight is the largest number of force-logout calls that were in flight at
// once since the gateway was made.
func (g *Gateway) MaxInFlight() int {
	g.record.mu.Lock()
	defer g.record.mu.Unlock()
	return g.record.maxInFlight
}
