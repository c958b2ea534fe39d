package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestFaultsBadAgents: the gateway cannot answer for some agents, among many for whom it
// can. Their commands fail or expire, the others end as ever, and nobody is told of a
// gateway that is down.
func TestFaultsBadAgents(t *testing.T) {
	t.Parallel()
	for _, bad := range []int{3, 6, 40} {
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			t.Parallel()
			f := newFaults(t)
			f.sim.SetFaults(sim.Faults{Latency: 20 * time.Millisecond})
			const commands = 1000
			isBad := map[string]bool{}
			for i := range bad {
				agent := agentNo(i * commands / bad)
				isBad[agent] = true
				for range 100 {
					f.sim.Plan(agent, []sim.Answer{{Retcode: "900-001"}, {Fault: sim.FaultHTML}}[i%2])
				}
			}
			for range 2 {
				f.hire(f.nats, f.gateway)
			}
			f.send(commands)
			for _, r := range f.check() {
				want := messages.OutcomeSignedOut
				if isBad[r.WorkNo] {
					want = messages.OutcomeFailed
				}
				if r.Outcome != want && r.Outcome != messages.OutcomeExpired || want == messages.OutcomeFailed && r.Outcome == want && r.Cause != messages.CauseRetriesExhausted {
					t.Errorf("%+v", r)
				}
			}
			for _, p := range f.crew {
				f.neverDown(p)
			}
		})
	}
}

// neverDown: readiness, metrics and the log of a worker know of no outage.
func (f *faults) neverDown(p *process) {
	f.Helper()
	admin := p.admin(f.T, f.ctx)
	if status, body := get(f.T, admin+"/readyz"); status != http.StatusOK {
		f.Errorf("readyz: %d %s", status, body)
	}
	if _, body := get(f.T, admin+"/metrics"); !strings.Contains(body, `forcelogout_gateway_down{vcc="default"} 0`) {
		f.Error("the metric tells of an outage")
	}
	if log := p.log.String(); strings.Contains(log, "gateway down") {
		f.Errorf("the log tells of an outage: %s", log)
	}
}
