package sim

import (
	"sync"
	"time"
)

// Faults hold for every force-logout call.
type Faults struct {
	Latency  time.Duration
	FailRate float64 // share of calls that fail, 0 to 1
	Retcode  string  // what failing calls answer; "" means 900-002
	HangRate float64 // share of calls that never answer, 0 to 1
	Down     bool    // provider switch off: every call answers 900-001
}

func (f Faults) retcode() string {
	if f.Retcode == "" {
		return "900-002"
	}
	return f.Retcode
}

// SetFaults replaces the faults.
func (g *Gateway) SetFaults(f Faults) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = f
}

// Hold makes force-logout calls that arrive from now on wait, before anything
// else happens to them, until release is called.
func (g *Gateway) Hold() (release func()) {
	held := make(chan struct{})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = held
	return sync.OnceFunc(func() {
		g.mu.Lock()
		g.held = nil
		g.mu.Unlock()
		close(held)
	})
}
