package sim

import (
	"context"
	"net/http"
	"time"
)

// forceLogout is the call that this project exists for [cec_07_0441].
//
// It is decided after holds and latency, so that what has changed meanwhile
// counts. A client that goes away during the latency or the answer's delay does
// not prevent the effect, as at a real gateway; one that goes away during a hold
// does.
func (g *Gateway) forceLogout(ctx context.Context, call *Call) Answer {
	if !g.enter(call.WorkNo) {
		return g.repeated(call)
	}
	defer g.leave(call.WorkNo)
	if !g.waitForHold(ctx) {
		return Answer{Fault: FaultHang}
	}
	pause(ctx, g.latency())
	answer := g.decide(call)
	pause(ctx, answer.Delay)
	if answer.Fault == FaultHang {
		<-ctx.Done()
	}
	return answer
}

// enter refuses a second call for an agent before the first is answered.
func (g *Gateway) enter(workNo string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inFlight[workNo] {
		return false
	}
	g.inFlight[workNo] = true
	return true
}

func (g *Gateway) leave(workNo string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.inFlight, workNo)
}

func (g *Gateway) repeated(call *Call) Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	if refused, ok := g.admit(call); !ok {
		return refused
	}
	return refusal(codeDuplicate, "called again before the answer")
}

// decide takes the answer from the script, or from the rules, and lets it take
// effect.
func (g *Gateway) decide(call *Call) Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	answer, ok := g.admit(call)
	if !ok {
		return answer
	}
	planned, scripted := take(g.plans, call.WorkNo)
	if scripted && !planned.byRule() {
		answer = planned
	} else {
		answer = g.rule(call)
		answer.Delay, answer.Effect = planned.Delay, planned.Effect
	}
	if answer.takesEffect() {
		call.Effect = g.signOut(call.WorkNo)
	}
	return answer
}

// admit checks the ids and who calls. It comes before every script: a script for
// an agent must not hide that the session is gone.
func (g *Gateway) admit(call *Call) (Answer, bool) {
	if !validID(call.Inspector) || !validID(call.WorkNo) {
		if g.cfg.UnknownBare404 {
			return Answer{HTTPStatus: http.StatusNotFound}, false
		}
		return refusal(codeParameter, "bad parameter"), false
	}
	_, refused, ok := g.authorize(call)
	return refused, ok
}

// rule is the answer to a forced sign-out that no script holds for.
func (g *Gateway) rule(call *Call) Answer {
	if fault, is := g.fault(); is {
		return fault
	}
	switch {
	case g.inspector(call.Inspector).forbidden:
		return refusal(codeNoRight, "no right")
	case call.WorkNo == call.Inspector:
		return refusal(codeSelf, "the target is the caller")
	case !g.person(call.WorkNo).SignedIn:
		return refusal(g.cfg.AbsentRetcode, "resource not available")
	}
	return Answer{Retcode: codeSuccess}
}

// pause waits by real time, and not longer than the client does.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
