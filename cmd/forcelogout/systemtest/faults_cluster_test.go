package systemtest

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestFaultsCluster: three servers lose the leader of the results, and it does not
// come back.
func TestFaultsCluster(t *testing.T) {
	t.Parallel()
	f := bareFaults(t)
	f.lost = true
	c := f.cluster()
	f.join(c.urls(), 3)
	for range 2 {
		f.hire(f.nats, f.gateway)
	}
	f.send(1000)
	f.some()
	f.must(f.stepDown("COMMANDS"))
	f.some()
	leader := f.leader("RESULTS")
	for i, n := range c.nodes {
		if n.Name() == leader {
			c.stop(i)
		}
	}
	f.some()
	f.cancel(10)
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected)
}

// TestFaultsClusterCut: the server of one worker is cut off from the two others, as
// one that leads nothing and as the one that leads everything. It goes on answering
// its worker, which has commands in hand that are not done with one call. The others
// end those; when the cut heals, what was held arrives.
func TestFaultsClusterCut(t *testing.T) {
	t.Parallel()
	for name, leader := range map[string]string{"follower": "n1", "leader": "n0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := bareFaults(t)
			cluster := f.cluster()
			f.join(cluster.nodes[1].ClientURL(), 3)
			cluster.lead(leader)
			f.sim.SetFaults(sim.Faults{Latency: 200 * time.Millisecond})
			for i := range 250 {
				if i%6 == 0 {
					f.sim.Plan(agentNo(i), again(12)...)
				}
			}
			for _, node := range cluster.nodes[:2] {
				f.hire(node.ClientURL(), f.gateway, "--max-attempts", "30")
			}
			f.send(250)
			f.some()
			cluster.cut()
			cluster.awaitSuccessors()
			f.pass(3 * faultAckWait)
			cluster.heal()
			f.send(100)
			found := f.check()
			f.none(found, messages.OutcomeFailed, messages.OutcomeRejected)
			f.handedOver(found)
		})
	}
}

// TestFaultsStartWithoutMajority: a worker that is started while JetStream has no leader
// waits for one, and says so.
func TestFaultsStartWithoutMajority(t *testing.T) {
	t.Parallel()
	f := bareFaults(t)
	cluster := f.cluster()
	f.join(cluster.urls(), 3)
	cluster.stop(1)
	cluster.stop(2)
	f.begin(cluster.nodes[0].ClientURL(), f.gateway)
	f.crew[0].log.AwaitText(t, f.ctx, "JetStream does not answer yet, still starting")
	cluster.start(1)
	cluster.start(2)
	f.crew[0].admin(t, f.ctx)
	f.send(10)
	f.check()
}
