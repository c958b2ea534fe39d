package session

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestBadMoments: three workers, and one mishap after the other at any moment: workers
// come and go, sessions end, records vanish, answers are lost, nodes know nothing. The
// gateway never sees two keepers or overlapping sign-ins, and in the end all workers
// have a session.
func TestBadMoments(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			clock := newSwift(60)
			r := newRig(t, sim.Config{Now: clock.Now, PollWait: 100 * time.Millisecond, Rotate: seed == 1, OldGUIDServes: true, SignInTime: 50 * time.Millisecond})
			chance := rand.New(rand.NewPCG(seed, 1))
			brief := func(c *Config, a *Account) { c.PollTime, c.CutOff = time.Second, 2*time.Second }
			pools := map[int]running{}
			begin := func(i int) { pools[i] = r.start(fmt.Sprint("w", i), clock.use, brief) }
			for i := range 3 {
				begin(i)
			}
			plan := func(op string, a sim.Answer) func() { return func() { r.sim.PlanSession(inspectorNo, op, a) } }
			next, lost := 3, 0
			mishaps := []func(){
				func() { r.sim.EndSession(inspectorNo) },
				func() { r.sim.Restart() },
				func() { r.sim.Evict(inspectorNo) },
				func() { r.sim.Stray(inspectorNo, 1+chance.IntN(4)) },
				func() { _ = r.kv.Delete(r.ctx, recordKey) },
				func() { _ = r.kv.Purge(r.ctx, recordKey) },
				func() { r.write(`{"guid":"","keeper":"ghost","lease":"x"}`) },
				func() { r.write("no session at all") },
				plan(sim.OpPoll, sim.Answer{Fault: sim.FaultReset}),
				plan(sim.OpPoll, sim.Answer{Fault: sim.FaultHang}),
				plan(sim.OpPoll, sim.Answer{Retcode: "105-007"}),
				plan(sim.OpPoll, sim.Answer{Fault: sim.FaultHTML}),
				func() {
					// With more of them a password that nobody knows to be right waits for long.
					if lost++; lost <= 2 {
						plan(sim.OpSignIn, sim.Answer{Fault: sim.FaultAnswerLost})()
					}
				},
				plan(sim.OpSignIn, sim.Answer{Retcode: "100-021"}),
				plan(sim.OpSignOut, sim.Answer{Retcode: "100-007"}),
				plan(sim.OpOwnState, sim.Answer{Retcode: "000-003"}),
				func() { // a worker goes, and another comes
					for i, p := range pools {
						p.stop()
						delete(pools, i)
						begin(next)
						next++
						return
					}
				},
			}
			for until := time.Now().Add(8 * time.Second); time.Now().Before(until); {
				mishaps[chance.IntN(len(mishaps))]()
				time.Sleep(time.Duration(chance.IntN(300)) * time.Millisecond)
			}
			r.sim.EndSession(inspectorNo)
			for _, p := range pools {
				r.ready(p)
			}
			if n := r.signIns("100-004") + r.signIns("110-021"); n != 0 {
				t.Errorf("%d refused passwords", n)
			}
			t.Logf("%d sign-ins, %d of them refused with 100-002", r.signIns(""), r.signIns("100-002"))
		})
	}
}
