package outage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Run lets a call be tried from time to time while the gateway is down. Where no
// command comes to try it with, it asks by itself; also where that alone tells whether
// the gateway fails or an agent.
func (g *Gate) Run(ctx context.Context, ask func(context.Context)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.doubted:
			ask(ctx)
			pause(ctx, lookPause)
			continue
		case <-g.opened:
		}
		for pause(ctx, TrialPause+rand.N(TrialPause/4)) {
			was, now := g.look()
			if now == gobreaker.StateClosed {
				break
			}
			if was == gobreaker.StateHalfOpen && now == was {
				ask(ctx) // too little has come to try it with since the last look
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// look lets the breaker see what time it is.
func (g *Gate) look() (was, now gobreaker.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was = g.state
	return was, g.breaker.State()
}

// Halted reports whether the gateway counts as down.
func (g *Gate) Halted() bool { return g.Problem() != nil }

// Problem is nil while the gateway answers.
func (g *Gate) Problem() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since.IsZero() {
		return nil
	}
	return fmt.Errorf("%w since %s, the last call: %s", errGatewayDown, g.since.UTC().Format(time.RFC3339), g.why)
}
