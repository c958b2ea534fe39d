package worker_test

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// A consumer that is made anew delivers everything anew, as never delivered before.

// TestConsumerAnewDuringCall: whoever gets a command from a new consumer lets a call end
// that may be under way for it.
func TestConsumerAnewDuringCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ackWait(5 * time.Second)
	long := func(c *worker.Config) { c.Concurrency, c.CallTimeout = 1, 4900*time.Millisecond }
	release := r.sim.Hold()
	r.start(long)
	r.send(order("x", "30001"))
	r.must(r.sim.AwaitInFlight(r.ctx, 1))
	r.start(r.asB(long))
	r.pulls(1)
	r.must(r.js.DeleteConsumer(r.ctx, prefix.Stream("COMMANDS"), prefix.Consumer(vcc)))
	r.within(2*time.Second, func() bool { return len(r.callsOf(inspectorOfB, "30001")) > 0 })
	release()
	if got := r.awaitOne("x"); got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("result %+v", got)
	}
	r.idle()
	r.oneAtATime("30001")
}

// TestConsumerAnew: no command is called twice, and none is lost, because the consumer
// was deleted under way.
func TestConsumerAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ackWait(3 * time.Second)
	r.sim.SetFaults(sim.Faults{Latency: 700 * time.Millisecond})
	four := func(c *worker.Config) { c.Concurrency, c.CallTimeout = 4, 2900*time.Millisecond }
	r.start(four)
	r.start(r.asB(four))
	const commands = 20
	r.send(crew(0, commands)...)
	r.must(r.sim.AwaitInFlight(r.ctx, 8))
	r.must(r.js.DeleteConsumer(r.ctx, prefix.Stream("COMMANDS"), prefix.Consumer(vcc)))
	r.await(commands)
	r.idle()
	twice := 0
	for i := range commands {
		if r.calls(agentNo(i)) > 1 {
			twice++
		}
	}
	if twice > 0 {
		t.Errorf("%d of %d agents were called twice", twice, commands)
	}
}
