package outage

import (
	"time"

	"github.com/sony/gobreaker/v2"
)

// looksWell takes note of an answered question of the worker's own. It does not prove that
// sign-outs work, so it ends an outage only where no command is there to try.
func (g *Gate) looksWell() error {
	g.suspects.looked = time.Now()
	switch {
	case g.state == gobreaker.StateClosed:
		return errNothing
	case time.Now().Before(g.awaited):
		g.anyone = true
		return errNothing
	}
	clear(g.agents)
	g.unreached, g.first = 0, time.Time{}
	return nil
}

// judge notes a call that got no proper answer and returns what it tells of the
// gateway.
func (g *Gate) judge(s Health, workNo, why string) error {
	switch g.suspects.failed(workNo, s == Broken, time.Now()) {
	case ofAgent:
		return errNothing
	case ofEither:
		if g.state == gobreaker.StateClosed {
			token(g.doubted)
			return errNothing
		}
	}
	g.failed(s, workNo, why)
	if g.state == gobreaker.StateHalfOpen && s == Broken && !g.anyone && g.tryMore() {
		return errNothing
	}
	return errGatewayDown
}

// tryMore reports whether the trial that has failed may have been of an agent whose
// calls fail anyway, and another one is to be tried without a pause.
func (g *Gate) tryMore() bool {
	g.tried++
	return g.tried < trialAgents && time.Since(g.trial) < trialTime
}

func (g *Gate) failed(s Health, workNo, why string) {
	if g.first.IsZero() {
		g.first = time.Now()
	}
	if workNo != "" && len(g.agents) < outageAgents {
		g.agents[workNo] = struct{}{}
	}
	if s == Missed {
		g.unreached++
	}
	g.why = why
}
