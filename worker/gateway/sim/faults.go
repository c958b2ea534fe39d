package sim

import (
	"context"
	"sync"
	"time"
)

// Faults hold for every force-logout call that no script holds for. The latency
// holds for all of them.
type Faults struct {
	Latency  time.Duration // before the call is decided
	FailRate float64       // share of calls that fail, 0 to 1; without effect, but for FaultAnswerLost
	Retcode  string        // what failing calls answer; "" means 900-002
	Fault    Fault         // how they fail in place of an answer, "" for with the Retcode
	HangRate float64       // share of calls that never answer and have no effect, 0 to 1
	Down     bool          // provider switch: every call answers 900-001, before the other faults
}

// SetFaults replaces the faults, for calls that are not decided yet.
func (g *Gateway) SetFaults(f Faults) {
	if f.Retcode == "" {
		f.Retcode = codeNoRight
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = f
}

func (g *Gateway) latency() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.faults.Latency
}

// fault draws whether a call fails.
func (g *Gateway) fault() (Answer, bool) {
	f := g.faults
	switch {
	case f.Down:
		return refusal(codeNoProvider, "no provider"), true
	case f.HangRate > 0 && g.rand.Float64() < f.HangRate:
		return Answer{Fault: FaultHang}, true
	case f.FailRate > 0 && g.rand.Float64() < f.FailRate:
		if f.Fault != "" {
			return Answer{Fault: f.Fault}, true
		}
		return refusal(f.Retcode, "simulated failure"), true
	}
	return Answer{}, false
}

// Hold makes force-logout calls that arrive from now on wait, before they are
// decided, until release is called. Release can be called more than once. Where
// several holds overlap, calls wait for the last release.
func (g *Gateway) Hold() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holds == 0 {
		g.held = make(chan struct{})
	}
	g.holds++
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.holds--; g.holds == 0 {
			close(g.held)
			g.held = nil
		}
	})
}

// waitForHold reports whether the call was released, or never held.
func (g *Gateway) waitForHold(ctx context.Context) bool {
	g.mu.Lock()
	held := g.held
	g.mu.Unlock()
	if held == nil {
		return true
	}
	select {
	case <-held:
		return true
	case <-ctx.Done():
		return false
	}
}
