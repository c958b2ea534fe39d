package systemtest

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestKeeperKilled: three workers, 2,000 commands, the keeper killed and another
// cut off from NATS. Every command has one result, the third worker keeps the
// session with the same GUID, and each lost session costs one sign-in.
func TestKeeperKilled(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, sim.Config{})
	in.sim.SetFaults(sim.Faults{Latency: 40 * time.Millisecond})
	wire := in.wire()
	victim := in.keeper("victim", in.nats)
	in.keeper("partitioned", wire.url())
	in.keeper("heir", in.nats)
	guid := in.sim.SessionGUID("1001")
	const commands = 2000
	ended := burst(in.ctx, in.nats, 0, commands)
	in.awaitEffects(500)
	wire.cut()
	in.must(victim.Process.Kill())
	killed := time.Now()
	in.awaitKeeper("heir")
	t.Logf("the heir keeps the session %v after the kill", time.Since(killed).Round(time.Millisecond))
	in.succeed(ended, commands)
	if in.sim.SessionGUID("1001") != guid || in.record().GUID != guid {
		t.Error("the session was not taken over")
	}
	in.checkSessions(1)

	in.sim.Restart()
	in.succeed(burst(in.ctx, in.nats, commands, 100), 100)
	wire.mend()
	in.succeed(burst(in.ctx, in.nats, commands+100, 100), 100)
	in.checkSessions(2)
	checkCalls(t, in.sim, commands+200, 2*8)
}

// TestKeeperComesBack: a keeper that was stopped, or cut off from NATS, for longer
// than its lease wakes up believing that it still leads. The gateway sees one
// keeper at a time all the same, and one sign-in.
func TestKeeperComesBack(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*testing.T, *process, wire) (back func()){
		"stopped": func(t *testing.T, p *process, _ wire) func() {
			signal := func(s os.Signal) {
				if err := p.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			signal(syscall.SIGSTOP)
			return func() { signal(syscall.SIGCONT) }
		},
		"cut off": func(_ *testing.T, _ *process, w wire) func() { w.cut(); return w.mend },
	}
	for name, leave := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInstallation(t, sim.Config{Rotate: true, OldGUIDServes: true, GUIDInterval: 3 * time.Second, GUIDTimeout: 30 * time.Second})
			shortLease(t, in.ctx, in.nats)
			wire := in.wire()
			first := in.keeper("first", wire.url(), "--call-timeout", "1s")
			in.keeper("second", in.nats, "--call-timeout", "1s")
			back := leave(t, first, wire)
			in.awaitKeeper("second")
			in.succeed(burst(in.ctx, in.nats, 0, 100), 100)
			back()
			in.succeed(burst(in.ctx, in.nats, 100, 100), 100)
			// The second keeper's polls go on, and bring the next GUID.
			rotated := in.sim.SessionGUID("1001")
			for in.sim.SessionGUID("1001") == rotated {
				in.tick()
			}
			in.checkSessions(1)
			checkCalls(t, in.sim, 200, 0)
		})
	}
}
