package worker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// TestDrain: calls in flight end and are recorded, what waits goes to another
// worker at once, nothing is lost and nothing doubled.
func TestDrain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	release := r.sim.Hold()
	first := r.start(func(c *worker.Config) { c.Concurrency = 4; c.Instance = "first" })
	const commands = 40
	var orders []messages.Command
	for i := range commands {
		orders = append(orders, order("id-"+agentNo(i), agentNo(i)))
	}
	r.send(orders...)
	r.must(r.sim.AwaitInFlight(r.ctx, 4))
	stopped := make(chan struct{})
	go func() { defer close(stopped); first.stop() }()
	for first.Ready() == nil {
		r.tick()
	}
	r.start(func(c *worker.Config) { c.Instance = "second"; c.Concurrency = 4 })
	release()
	<-stopped
	byWorker := map[string]int{}
	for id, got := range r.await(commands) {
		byWorker[got.Worker]++
		if got.Outcome != messages.OutcomeSignedOut || got.Attempts != 1 || got.Redelivered {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	if byWorker["first"] != 4 {
		t.Errorf("results by worker: %v, want the 4 calls in flight from the first", byWorker)
	}
	r.idle()
}

// TestDrainTimeout: a call that hangs does not keep the worker for ever, and its
// command is not lost.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.Plan("30001", sim.Answer{Fault: sim.FaultHang})
	first := r.start(func(c *worker.Config) {
		c.AckWait, c.CallTimeout, c.DrainTimeout = 2*time.Second, 1900*time.Millisecond, 50*time.Millisecond
	})
	r.send(order("a", "30001"))
	r.must(r.sim.AwaitInFlight(r.ctx, 1))
	first.stop()
	if n := r.streamState("COMMANDS").Msgs; n != 1 {
		t.Fatalf("%d commands are left, want 1", n)
	}
	r.start(func(c *worker.Config) { c.CallTimeout = time.Second })
	if got := r.awaitOne("a"); got.Outcome != messages.OutcomeSignedOut || !got.Redelivered {
		t.Errorf("result %+v", got)
	}
}

// TestNATSRestart: the server goes away while calls are in flight, and comes
// back. The calls' results are stored then, and no call is repeated.
func TestNATSRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	addr := r.natsAddr()
	release := r.sim.Hold()
	w := r.start(nil)
	var orders []messages.Command
	for i := range 8 {
		orders = append(orders, order(fmt.Sprint("before-", i), agentNo(i)))
	}
	r.send(orders...)
	r.must(r.sim.AwaitInFlight(r.ctx, 8))
	r.stopNATS()
	release()
	for w.Ready() == nil {
		r.tick()
	}
	r.startNATS(addr)
	for id, got := range r.await(8) {
		if got.Outcome != messages.OutcomeSignedOut {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	r.send(order("after", "40001"))
	r.awaitOne("after")
	r.idle()
	for i := range 8 {
		if n := r.calls(agentNo(i)); n != 1 {
			t.Errorf("the gateway saw %d calls for %s, want 1", n, agentNo(i))
		}
	}
	if err := w.Ready(); err != nil {
		t.Errorf("everything works again, ready says %v", err)
	}
}

// TestResultsFull: a result that cannot be stored is tried until it can, and the
// command is not acknowledged before.
func TestResultsFull(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stream, err := r.js.Stream(r.ctx, prefix.Stream("RESULTS"))
	r.must(err)
	open := stream.CachedInfo().Config
	full := open
	full.MaxBytes = 1
	_, err = r.js.UpdateStream(r.ctx, full)
	r.must(err)
	r.start(nil)
	r.send(order("a", "30001"))
	_, err = r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.WorkNo == "30001" })
	r.must(err)
	if n := r.streamState("COMMANDS").Msgs; n != 1 {
		t.Errorf("%d commands are in the stream, want the one whose result is not stored", n)
	}
	_, err = r.js.UpdateStream(r.ctx, open)
	r.must(err)
	r.awaitOne("a")
	r.idle()
	if n := r.calls("30001"); n != 1 {
		t.Errorf("the gateway saw %d calls, want 1", n)
	}
}

// TestConsumerDeleted: somebody deletes the consumer; the worker makes it again.
func TestConsumerDeleted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	r.send(order("a", "30001"))
	r.awaitOne("a")
	r.must(r.js.DeleteConsumer(r.ctx, prefix.Stream("COMMANDS"), prefix.Consumer(vcc)))
	r.send(order("b", "30002"))
	if got := r.awaitOne("b"); got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("result %+v", got)
	}
}

// TestCommandsDeleted: somebody deletes the stream of commands, and makes it again.
// Readiness says why nothing comes, and the log once.
func TestCommandsDeleted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.diary()
	w := r.start(func(c *worker.Config) { c.WatchPeriod = 500 * time.Millisecond; d.into(c) })
	r.send(order("a", "30001"))
	r.awaitOne("a")
	r.must(r.js.DeleteStream(r.ctx, prefix.Stream("COMMANDS")))
	r.saysNotReady(w, "stream not found")
	for range 400 { // time enough for more lines
		r.tick()
	}
	r.saysNotReady(w, "stream not found")
	_, err := streams.Setup(r.ctx, r.js, streams.Plan{Prefix: prefix})
	r.must(err)
	r.send(order("b", "30002"))
	if got := r.awaitOne("b"); got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("result %+v", got)
	}
	r.until("ready", func() bool { return w.Ready() == nil })
	if n := len(d.with("level=ERROR")); n != 1 {
		t.Errorf("%d lines: %q", n, d.with("level=ERROR"))
	}
	r.until("a line that takes it back", func() bool { return len(d.with(" again")) == 1 })
}

// TestConsumerPaused: an operator's brake is said in readiness, and holds until
// the operator lifts it.
func TestConsumerPaused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(func(c *worker.Config) { c.WatchPeriod = 100 * time.Millisecond })
	stream, err := r.js.Stream(r.ctx, prefix.Stream("COMMANDS"))
	r.must(err)
	_, err = stream.PauseConsumer(r.ctx, prefix.Consumer(vcc), time.Now().Add(time.Hour))
	r.must(err)
	r.send(order("a", "30001"))
	for w.Ready() == nil {
		if r.ctx.Err() != nil {
			t.Fatal("readiness did not fall")
		}
		r.tick()
	}
	if n := len(r.sim.Calls()); n != 0 {
		t.Errorf("the gateway saw %d calls during the pause", n)
	}
	_, err = stream.ResumeConsumer(r.ctx, prefix.Consumer(vcc))
	r.must(err)
	if got := r.awaitOne("a"); got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("result %+v", got)
	}
	for w.Ready() != nil {
		if r.ctx.Err() != nil {
			t.Fatal("readiness did not come back")
		}
		r.tick()
	}
}
