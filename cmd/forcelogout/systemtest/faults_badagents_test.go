package systemtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
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
			f := newCalmFaults(t)
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
			var histories []*health
			for range 2 {
				histories = append(histories, f.follow(f.hire(f.nats, f.gateway)))
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
			for i, p := range f.crew {
				f.neverDown(p, histories[i])
			}
		})
	}
}

// neverDown: readiness, metrics and the log of a worker know of no outage, and have not
// known of one.
func (f *faults) neverDown(p *process, h *health) {
	f.Helper()
	want := []int{http.StatusOK}
	if readyz, metric := h.stop(); !slices.Equal(readyz, want) || !slices.Equal(metric, want) {
		f.Errorf("readyz %v, metric %v: %v", readyz, metric, h.texts)
	}
	if _, body := rig.Get(f.T, p.admin(f.T, f.ctx)+"/metrics"); !strings.Contains(body, `forcelogout_gateway_down{vcc="default"} 0`) {
		f.Error("the metric tells of an outage")
	}
	f.checkTroubles(p)
	if strings.Contains(p.log.String(), "gateway down") {
		f.Errorf("the log tells of an outage: %s", p.log.String())
	}
}
