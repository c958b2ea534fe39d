package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// spoil makes every call for n agents fail in the same way.
func (r *rig) spoil(n int, answer sim.Answer) {
	plan := make([]sim.Answer, 2000)
	for i := range plan {
		plan[i] = answer
	}
	for i := range n {
		r.sim.Plan(agentNo(i), plan...)
	}
}

// TestBadAgentsFirst: calls for some agents fail, and nobody else is there, so that the
// gateway counts as down. Healthy commands that come then end all the same, and while
// they come the others spend their attempts and fail.
func TestBadAgentsFirst(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bad    int
		answer sim.Answer
	}{
		"three": {3, sim.Answer{Retcode: "900-001"}},
		"six":   {6, sim.Answer{Fault: sim.FaultHTML}},
		"forty": {40, sim.Answer{Retcode: "900-001"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.spoil(c.bad, c.answer)
			d := r.diary()
			w := r.start(func(c *worker.Config) {
				c.Retry = worker.Retry{MaxAttempts: 6, Initial: 200 * time.Millisecond, Max: time.Second}
				d.into(c)
			})
			r.send(crew(0, c.bad)...)
			r.untilDown(w)
			// One after the other: each finds the VCC as the bad ones have left it.
			healthy := 0
			for ; healthy < 20 || r.streamState("RESULTS").Msgs < uint64(c.bad+healthy); healthy++ {
				id := fmt.Sprint("healthy-", healthy)
				r.send(order(id, agentNo(1000+healthy)))
				if got := r.awaitOne(id); got.Outcome != messages.OutcomeSignedOut || got.Attempts != 1 {
					t.Errorf("result %+v", got)
				}
				r.tick()
			}
			for _, got := range r.await(c.bad + healthy) {
				if !strings.HasPrefix(got.ID, "healthy") && got.Cause != messages.CauseRetriesExhausted {
					t.Errorf("result %+v", got)
				}
			}
			r.untilReady(w)
			if g := w.Gauges(); g.Down || !g.Ready {
				t.Errorf("the metrics say %+v", g)
			}
			down, back := len(d.with("gateway down")), len(d.with("gateway back"))
			if down == 0 || down != back || d.warnings() != down+c.bad {
				t.Errorf("%d lines of an outage, %d of its end, %d warnings", down, back, d.warnings())
			}
			t.Logf("%d outages", down)
		})
	}
}

// TestGatewayDownAgain: a gateway comes back for moments only. What failed in one outage
// and in the next is not taken for agents that it cannot answer for.
func TestGatewayDownAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.SetFaults(sim.Faults{Down: true})
	w := r.start(func(c *worker.Config) { c.Retry.MaxAttempts = 8 })
	const commands = 90
	r.send(crew(0, commands)...)
	for outage := 1; outage <= 3; outage++ {
		r.untilDown(w)
		r.sim.SetFaults(sim.Faults{Latency: 20 * time.Millisecond})
		for r.streamState("RESULTS").Msgs < uint64(outage*commands/5) {
			r.tick()
		}
		r.sim.SetFaults(sim.Faults{Down: true})
	}
	r.untilDown(w)
	for began := time.Now(); time.Since(began) < 3*time.Second; r.tick() { // some trials fail
	}
	r.sim.SetFaults(sim.Faults{})
	for id, got := range r.await(commands) {
		if got.Outcome != messages.OutcomeSignedOut {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	r.untilReady(w)
}

// TestBadAgentsBeside: calls for some agents fail while others are answered. The VCC is
// not halted by them.
func TestBadAgentsBeside(t *testing.T) {
	t.Parallel()
	for _, bad := range []int{3, 6, 40} {
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.sim.SetFaults(sim.Faults{Latency: 5 * time.Millisecond})
			r.spoil(bad, sim.Answer{Retcode: "900-001"})
			states, d := r.gatewayStates(), r.diary()
			w := r.start(func(c *worker.Config) {
				c.Retry = worker.Retry{MaxAttempts: 6, Initial: 200 * time.Millisecond, Max: time.Second}
				d.into(c)
			})
			const healthy = 400
			orders := crew(bad, healthy)
			for i := range bad {
				at := i * healthy / bad
				orders = append(orders[:at+i], append(crew(i, 1), orders[at+i:]...)...)
			}
			r.send(orders...)
			for _, got := range r.await(bad + healthy) {
				want := messages.OutcomeSignedOut
				if r.calls(got.WorkNo) > 1 {
					want = messages.OutcomeFailed
				}
				if got.Outcome != want || want == messages.OutcomeFailed && (got.Attempts != 6 || got.Cause != messages.CauseRetriesExhausted) {
					t.Errorf("result %+v", got)
				}
			}
			r.must(w.Ready())
			if g := w.Gauges(); g.Down || !g.Ready {
				t.Errorf("the metrics say %+v", g)
			}
			if n := d.warnings(); n != bad || len(d.with("command ended")) != bad+healthy {
				t.Errorf("%d warnings, want one of each bad agent's end", n)
			}
			if m, err := states.NextMsg(10 * time.Millisecond); err == nil {
				t.Errorf("the VCC was halted: %s", m.Data)
			}
		})
	}
}
