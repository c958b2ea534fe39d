package worker_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// The server honours a NAK whoever sends it, and takes the command from its present
// holder.

// comeLater is an answer after which a command is handed back for longer than a worker
// keeps it in hand.
func comeLater() sim.Answer {
	return sim.Answer{HTTPStatus: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"3"}}}
}

// TestNoNoteNoNAK: what a worker knows of a command's calls is stored before the
// command is handed back; a command without a note is left to AckWait.
func TestNoNoteNoNAK(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const ackWait = 2 * time.Second
	r.ackWait(ackWait)
	stream, err := r.js.Stream(r.ctx, prefix.Stream("PARKED"))
	r.must(err)
	open := stream.CachedInfo().Config
	shut := open
	shut.MaxMsgSize = 1
	acks := r.hearAcks()
	r.start(shortly)
	_, err = r.js.UpdateStream(r.ctx, shut)
	r.must(err)
	r.sim.Plan("30001", comeLater())
	r.send(order("x", "30001"))
	_, err = r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.WorkNo == "30001" })
	r.must(err)
	r.within(2*ackWait, func() bool { return len(acks.of(1, "-NAK")) > 0 })
	if len(acks.of(1, "-NAK")) > 0 {
		t.Error("handed back without a note")
	}
	_, err = r.js.UpdateStream(r.ctx, open)
	r.must(err)
	if got := r.awaitOne("x"); got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("result %+v", got)
	}
}

// TestNoNAKWithoutLease: a worker that is cut off while it hands back takes nothing
// from the command's next holder when the line flows again.
func TestNoNAKWithoutLease(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ackWait(2 * time.Second)
	acks := r.hearAcks()
	way := r.line(r.natsAddr())
	nc := r.connectBy(way)
	r.startAt(nc, shortly)
	release := r.sim.Hold()
	r.sim.Plan("30001", comeLater())
	r.send(order("x", "30001"))
	r.must(r.sim.AwaitInFlight(r.ctx, 1))
	way.hold()
	release()
	theirs := r.fetchOne()
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end); { // a has given up to store its note
		r.must(theirs.InProgress())
		time.Sleep(200 * time.Millisecond)
	}
	way.flow()
	_, err := nc.RTT() // what was held has arrived
	r.must(err)
	r.within(500*time.Millisecond, func() bool { return len(acks.of(1, "-NAK")) > 0 })
	if len(acks.of(1, "-NAK")) > 0 {
		t.Error("a worker without the lease handed the command back")
	}
	r.must(theirs.Nak())
	if got := r.awaitOne("x"); !got.Redelivered {
		t.Errorf("result %+v", got)
	}
}

// TestNAKHeldUp: a NAK that was sent in good order arrives when the command has its
// next holder. The server then gives the command away once more, and whoever gets it
// lets the holder's call end.
func TestNAKHeldUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ackWait(3 * time.Second)
	way := r.line(r.natsAddr())
	way.holdAt("-NAK")
	calls := func(c *worker.Config) {
		c.Concurrency, c.CallTimeout = 1, 2900*time.Millisecond
		c.Retry.Initial, c.Retry.Max = 300*time.Millisecond, 300*time.Millisecond
	}
	r.sim.Plan("30001", sim.Answer{Retcode: "000-004"})
	a := r.startAt(r.connectBy(way), calls)
	r.send(order("x", "30001"))
	_, err := r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.WorkNo == "30001" })
	r.must(err)
	release := r.sim.Hold()
	stopped := make(chan struct{})
	go func() { defer close(stopped); a.stop() }()
	r.until("a hands it back", way.isHeld)
	r.start(r.asB(calls))
	r.must(r.sim.AwaitInFlight(r.ctx, 1)) // b has it after AckWait
	r.start(calls)
	r.pulls(1)
	before := r.delivered()
	way.flow()
	r.until("it is delivered once more", func() bool { return r.delivered() > before })
	r.within(time.Second, func() bool { return len(r.callsOf(inspector, "30001")) > 1 })
	release()
	if got := r.awaitOne("x"); got.Outcome != messages.OutcomeSignedOut || got.Worker != "b" {
		t.Errorf("result %+v", got)
	}
	r.idle()
	<-stopped
	r.oneAtATime("30001")
}

// TestCommandWasElsewhere: a command in hand is delivered again, and another worker
// had it in between. The execution of before is lost; the command begins anew, with
// what the other has left.
func TestCommandWasElsewhere(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		leaves   func(r *rig)
		calls    int // of the worker that gets it again
		attempts int
	}{
		"has stored a result": {func(r *rig) { r.storeResult("x", "30001") }, 1, 1},
		"has handed it back": {func(r *rig) {
			r.storeNote("x", messages.Parked{Sequence: 1, Delivery: 2, Calls: 5, Spent: 1})
		}, 2, 6},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			acks := r.hearAcks()
			release := r.sim.Hold()
			r.sim.Plan("30001", sim.Answer{Retcode: "000-004"})
			r.start(func(c *worker.Config) { c.Concurrency = 2 })
			r.send(order("x", "30001"))
			r.must(r.sim.AwaitInFlight(r.ctx, 1))
			r.send(crew(1, 10)...) // more than there is room for: it pulls no more
			r.until("the lease is extended", func() bool { return len(acks.of(1, "+WPI")) > 0 })
			// A NAK of an earlier holder comes late.
			r.must(r.nc.Publish(acks.of(1, "+WPI")[0].subject, []byte("-NAK")))
			theirs := r.fetchOne()
			c.leaves(r)
			before := r.delivered()
			r.must(theirs.Nak())
			for i := range 2 { // one of them is in the other slot; the other's end makes room for a pull
				r.cancelAside("id-" + agentNo(i+1))
			}
			r.until("it is delivered once more", func() bool { return r.delivered() > before })
			release()
			got := r.awaitOne("x")
			r.idle()
			if r.calls("30001") != c.calls || got.Attempts != c.attempts {
				t.Errorf("%d calls, result %+v", r.calls("30001"), got)
			}
		})
	}
}
