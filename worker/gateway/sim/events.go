package sim

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// event is something that an inspector's poll will tell.
type event struct {
	due  time.Time
	body any
}

// The body of an event [cec_05_4026].
type eventBody struct {
	Type    string `json:"eventType"`
	WorkNo  string `json:"workNo"`
	Content any    `json:"content,omitempty"`
}

// agentOut tells that an agent has signed out [cec_07_0541].
type agentOut struct {
	Subtype string `json:"subtype"`
	Agent   string `json:"monitoredagent"`
}

// noEvent is what a poll answers where nothing has happened [cec_07_1274].
var noEvent = json.RawMessage("null")

// poll answers with the next event and waits for it for PollWait, in real time
// [cec_07_1274]. It is the session's heartbeat. With AUTHMODE 2 its answer brings
// the next GUID when the present one has come of age [cec_05_40110].
func (g *Gateway) poll(ctx context.Context, call *Call) Answer {
	var s *session
	answer := g.sessionCall(ctx, call, func() Answer {
		found, refused, ok := g.authorize(call)
		if !ok {
			return refused
		}
		if g.cfg.Push {
			return refusal(codePush, "the events are pushed")
		}
		s = found
		s.polls++
		s.polled = g.cfg.Now()
		g.record.waiting()
		return Answer{}
	})
	if s == nil {
		return answer
	}
	happened, over := g.awaitEvent(ctx, s)
	g.mu.Lock()
	defer g.mu.Unlock()
	s.polls--
	s.polled = g.cfg.Now()
	if !answer.byRule() {
		if answer.Fault == FaultAnswerLost && g.rotates(s) {
			g.renew(s)
		}
		return answer
	}
	switch {
	case over && s.evicted:
		return Answer{Retcode: codeSuccess, event: eventBody{Type: "AgentOther_ShutdownService", WorkNo: call.Inspector}}
	case over:
		return refusal(codeNotSignedIn, "not signed in")
	}
	answer = Answer{Retcode: codeSuccess, event: happened}
	if ctx.Err() != nil {
		return answer // that nobody waits for
	}
	rotates := g.rotates(s)
	s.served = true
	if rotates {
		answer.Header = map[string][]string{"Set-Guid": {"JSESSIONID=" + g.renew(s)}}
	}
	return answer
}

// rotates reports whether the poll that is answered now brings another GUID.
func (g *Gateway) rotates(s *session) bool {
	first := !s.served && !g.cfg.SignInGUIDServes
	return g.cfg.Rotate && !s.given && (first || g.cfg.Now().Sub(s.newest().since) >= g.cfg.GUIDInterval)
}

// awaitEvent waits for the session's next event, or its end.
func (g *Gateway) awaitEvent(ctx context.Context, s *session) (body any, over bool) {
	enough := time.NewTimer(g.cfg.PollWait)
	defer enough.Stop()
	for {
		g.mu.Lock()
		happened, next := s.next(g.cfg.Now())
		changed := s.changed
		over := s.over
		g.mu.Unlock()
		if over || happened != nil {
			return happened, over
		}
		due := time.NewTimer(next)
		select {
		case <-changed:
		case <-due.C:
		case <-enough.C:
			due.Stop()
			return noEvent, false
		case <-ctx.Done():
			due.Stop()
			return noEvent, false
		}
		due.Stop()
	}
}

// next takes the first event that is due, or says how long none will be.
func (s *session) next(now time.Time) (any, time.Duration) {
	wait := time.Hour
	for n, e := range s.events {
		if left := e.due.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		s.events = slices.Delete(s.events, n, n+1)
		return e.body, 0
	}
	return nil, wait
}

// tell lets listening inspectors hear that an agent leaves [cec_07_0541].
func (g *Gateway) tell(workNo string, due time.Time) {
	for inspectorNo, i := range g.inspectors {
		if i.session == nil || !i.session.listen {
			continue
		}
		content := agentOut{Subtype: "QC_AgentState_Logout", Agent: workNo}
		i.session.events = append(i.session.events, event{due, eventBody{"QC_AgentState_Notify", inspectorNo, content}})
		i.session.announce()
	}
}
