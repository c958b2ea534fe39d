package worker_test

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// shortly has one slot, so that nothing is pulled while a command is in hand, and calls
// that end within a short lease.
func shortly(c *worker.Config) { c.Concurrency, c.CallTimeout = 1, 1900*time.Millisecond }

// TestDeliveryHeldUp: a delivery that was on its way for longer than AckWait is its
// next holder's.
func TestDeliveryHeldUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ackWait(2 * time.Second)
	release := r.sim.Hold()
	defer release()
	way := r.line(r.natsAddr())
	way.holdAt("\"shift-end\"")
	r.startAt(r.connectBy(way), shortly)
	r.send(order("x", "30001"))
	r.until("it is on its way to a", way.isHeld)
	b := r.start(r.asB(shortly))
	r.must(r.sim.AwaitInFlight(r.ctx, 1)) // b has it after AckWait
	way.flow()
	// a calls, or leaves the delivery alone and pulls again.
	r.within(time.Second, func() bool { return r.calls("30001") > 0 || r.consumer().NumWaiting > 0 })
	release()
	got := r.awaitOne("x")
	b.stop()
	r.notAfter(inspector, "30001", inspectorOfB)
	if got.Worker != "b" || !got.Redelivered {
		t.Errorf("result %+v", got)
	}
}

// TestStoppedWorkersPulls: what a worker that is stopped has asked for is given to it
// for one AckWait at most, and then to the others at once.
func TestStoppedWorkersPulls(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const ackWait = 2 * time.Second
	r.ackWait(ackWait)
	way := r.line(r.natsAddr())
	r.startAt(r.connectBy(way), shortly)
	r.pulls(1)
	r.start(r.asB(shortly))
	r.pulls(2)
	way.hold()
	defer way.flow()
	time.Sleep(ackWait)
	r.send(order("x", "30001"))
	if got := r.awaitOne("x"); got.Worker != "b" || got.Redelivered {
		t.Errorf("it was delivered to the stopped worker first: result %+v", got)
	}
}

// TestRestCountsFromReconnect: long after another server was met, nothing can be in
// the hand of a worker that the server does not know of.
func TestRestCountsFromReconnect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const ackWait = 4 * time.Second
	r.ackWait(ackWait)
	addr := r.natsAddr()
	w := r.start(func(c *worker.Config) { c.CallTimeout = 2 * time.Second })
	r.send(order("before", "30001"))
	r.awaitOne("before")
	r.stopNATS()
	r.startNATS(addr)
	r.untilReady(w)
	time.Sleep(ackWait + 500*time.Millisecond)
	short := order("short", "30002")
	short.ExpiresAt = time.Now().Add(ackWait - time.Second)
	r.send(short)
	if got := r.awaitOne("short"); got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("on an idle system: result %+v", got)
	}
}

// TestRestEnds: a command that rests because another worker may still have it ends all
// the same when it expires. One that is withdrawn rests on, because somebody's call may be
// under way, and then ends truly.
func TestRestEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const ackWait = 12 * time.Second // longer than the one lives
	r.ackWait(ackWait)
	addr := r.natsAddr()
	w := r.start(func(c *worker.Config) { c.Concurrency, c.CallTimeout = 1, ackWait/2 })
	// The only slot is busy over the restart, and what follows is not pulled before.
	r.sim.Plan("30001", sim.Answer{Delay: 3 * time.Second})
	r.send(order("busy", "30001"))
	r.must(r.sim.AwaitInFlight(r.ctx, 1))
	defer r.sim.Hold()()
	late, withdrawn := order("late", "30002"), order("withdrawn", "30003")
	late.ExpiresAt = time.Now().Add(6 * time.Second)
	r.send(late, withdrawn)
	r.stopNATS()
	r.startNATS(addr)
	r.untilReady(w)
	r.awaitOne("busy")
	r.within(2*time.Second, func() bool { return r.consumer().NumAckPending == 2 })
	r.cancel(client.Selection{IDs: []string{"withdrawn"}})
	if got := r.awaitOne("withdrawn"); got.Outcome != messages.OutcomeCancelled {
		t.Errorf("result %+v", got)
	}
	if got := r.awaitOne("late"); got.Outcome != messages.OutcomeExpired {
		t.Errorf("result %+v", got)
	}
}

// TestRestLeavesTimeToRecord: a command expires while it rests, because another worker has
// claimed it. What that one's last call came to is stored a moment later, and counts.
func TestRestLeavesTimeToRecord(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ackWait(10 * time.Second)
	x := order("x", "30001")
	x.ExpiresAt = time.Now().Add(2 * time.Second)
	r.send(x)
	theirs := r.fetchOne()
	r.storeNote("x", messages.Parked{Sequence: 1, Claim: 1, ClaimedBy: "another", ClaimedAt: time.Now()})
	r.start(shortly)
	r.must(theirs.Nak()) // it was held up, and their call goes on
	r.within(time.Until(x.ExpiresAt.Add(500*time.Millisecond)), func() bool { return r.streamState("RESULTS").Msgs > 0 })
	if r.streamState("RESULTS").Msgs > 0 {
		t.Fatalf("ended before the other could say how: %+v", r.awaitOne("x"))
	}
	r.storeResult("x", "30001")
	r.idle()
}
