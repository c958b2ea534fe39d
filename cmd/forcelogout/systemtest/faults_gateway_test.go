package systemtest

import (
	"net/http"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// troubles are what a gateway, or something in front of it, may say in place of an
// answer. Most have no effect, and all may be tried again.
func troubles() []sim.Answer {
	raw := func(status int, contentType, body string) sim.Answer {
		return sim.Answer{HTTPStatus: status, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)}
	}
	return []sim.Answer{
		{Fault: sim.FaultReset}, {Fault: sim.FaultHTML}, {Fault: sim.FaultHuge}, {Fault: sim.FaultHalfJSON}, {Fault: sim.FaultEmpty},
		{Fault: sim.FaultHang},
		raw(500, "application/json", `{"retcode":"0"}`), raw(502, "text/html", "<html>bad gateway</html>"),
		raw(503, "text/plain", "busy"), raw(429, "application/json", "{}"), raw(200, "text/html", "<html>0</html>"),
		raw(200, "application/octet-stream", "\x00\xff"), raw(200, "application/json", `[]`),
		{Retcode: "900-001"}, {Retcode: "900-002"}, {Retcode: "105-002"},
	}
}

// TestFaultsAnswers: every third agent's first calls go wrong in some way, one in
// ten is redirected, as by a balancer's maintenance page. None fails.
func TestFaultsAnswers(t *testing.T) {
	t.Parallel()
	f := newFaults(t)
	f.sim.SetFaults(sim.Faults{Latency: 10 * time.Millisecond})
	all := troubles()
	for i := range 1500 {
		switch {
		case i%10 == 0:
			f.sim.Plan(agentNo(i), sim.Answer{Fault: sim.FaultRedirect})
		case i%3 == 0:
			f.sim.Plan(agentNo(i), all[f.rand.IntN(len(all))], all[f.rand.IntN(len(all))])
		}
	}
	for range 2 {
		f.hire(f.nats, f.gateway)
	}
	f.send(1500)
	f.some()
	f.cancel(10)
	for id, r := range f.check() {
		// On an overloaded machine an answer may come after its call has been given up.
		late := r.FinishedAt.Sub(r.StartedAt) >= callTimeout
		if r.Outcome == messages.OutcomeFailed || r.Outcome == messages.OutcomeAlreadySignedOut && !late {
			t.Errorf("%s: %+v", id, r)
		}
	}
}

// TestFaultsGatewayDown: the gateway goes away in the middle, in different ways, and
// comes back.
func TestFaultsGatewayDown(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*faults, proxy) (back func()){
		"refused": func(f *faults, p proxy) func() { p.Stop(); return func() { f.must(p.Start()) } },
		"silent":  func(f *faults, p proxy) func() { p.cut(); return p.heal },
		"closing": func(f *faults, p proxy) func() { p.poison("limit_data", `{"bytes":100}`); return p.heal },
	}
	for name, down := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFaults(t)
			f.lost = true // a call whose answer does not come is made again
			way := f.proxy(f.gateway)
			for range 2 {
				f.hire(f.nats, "http://"+way.Listen)
			}
			f.send(1000)
			f.some()
			back := down(f, way)
			for _, p := range f.crew {
				p.log.AwaitText(t, f.ctx, "gateway down, calls are halted")
			}
			f.cancel(10)
			back()
			found := f.check()
			f.none(found, messages.OutcomeFailed, messages.OutcomeRejected)
		})
	}
}

// TestFaultsAnswersLost: one call in ten works and its answer is lost, and one state
// query in three gets no answer either. Nobody is signed out twice: what a call may
// have done stays open until a query has been answered.
func TestFaultsAnswersLost(t *testing.T) {
	t.Parallel()
	f := newFaults(t)
	f.sim.SetFaults(sim.Faults{Latency: 10 * time.Millisecond})
	for range 2 {
		f.hire(f.nats, f.gateway)
	}
	f.loseAnswers(2000)
	f.send(2000)
	f.some()
	f.cancel(20)
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected)
}

// loseAnswers is for the next n agents.
func (f *faults) loseAnswers(n int) {
	lost := []sim.Answer{
		{Fault: sim.FaultAnswerLost}, {Fault: sim.FaultReset, Effect: true}, {Fault: sim.FaultHTML, Effect: true},
		{Fault: sim.FaultHang, Effect: true}, {Retcode: "000-007", Effect: true}, // somebody else's call
	}
	hindered := []sim.Answer{{Fault: sim.FaultReset}, {Fault: sim.FaultHang}, {HTTPStatus: 503}}
	for i := range n {
		no := agentNo(len(f.orders) + i)
		if f.rand.IntN(10) == 0 {
			f.sim.Plan(no, lost[f.rand.IntN(len(lost))])
		}
		for range 5 {
			query := sim.Answer{}
			if f.rand.IntN(3) == 0 {
				query = hindered[f.rand.IntN(len(hindered))]
			}
			f.sim.PlanState(no, query)
		}
	}
}
