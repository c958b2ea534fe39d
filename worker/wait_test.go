package worker_test

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// refusals are n transient answers.
func refusals(n int) []sim.Answer {
	answers := make([]sim.Answer, n)
	for i := range answers {
		answers[i] = sim.Answer{Retcode: "900-002"}
	}
	return answers
}

// TestParkedHoldsNoSlot: with one slot, and many commands that wait for their
// retry, a healthy command goes through before any of them.
func TestParkedHoldsNoSlot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(func(c *worker.Config) {
		c.Concurrency = 1
		c.Retry = worker.Retry{MaxAttempts: 2, Initial: 1900 * time.Millisecond, Max: 1900 * time.Millisecond}
	})
	const parked = 12
	var commands []messages.Command
	for i := range parked {
		r.sim.Plan(agentNo(i), refusals(1)...)
		commands = append(commands, order("parked-"+agentNo(i), agentNo(i)))
	}
	r.send(append(commands, order("healthy", "40001"))...)
	feed := r.results()
	first, _, err := feed.Next(r.ctx)
	r.must(err)
	if first.ID != "healthy" {
		t.Errorf("the first result is of %s", first.ID)
	}
	r.await(parked + 1)
	if n := r.sim.MaxInFlight(); n != 1 {
		t.Errorf("%d calls were in flight at once", n)
	}
}

// TestPullsWhatCanStart: a worker whose slots are busy leaves the backlog to others.
func TestPullsWhatCanStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	release := r.sim.Hold()
	defer release()
	const slots = 4
	w := r.start(func(c *worker.Config) { c.Concurrency = slots })
	var orders []messages.Command
	for i := range 200 {
		orders = append(orders, order("id-"+agentNo(i), agentNo(i)))
	}
	r.send(orders...)
	r.must(r.sim.AwaitInFlight(r.ctx, slots))
	// Between two batches there may be one on its way, and on a busy machine NATS looks far;
	// more would be hoarding.
	consumer, err := r.js.Consumer(r.ctx, prefix.Stream("COMMANDS"), prefix.Consumer(vcc))
	r.must(err)
	if n := consumer.CachedInfo().NumAckPending; n > 3*slots {
		t.Errorf("%d commands are out for %d slots", n, slots)
	}
	if g := w.Gauges(); g.InFlight != slots {
		t.Errorf("gauges %+v", g)
	}
}

// TestHandBack: a long wait is the server's, and the next worker goes on counting.
func TestHandBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.Plan("30001", refusals(1000)...)
	slow := func(c *worker.Config) {
		c.Retry = worker.Retry{MaxAttempts: 3, Initial: 5 * time.Second, Max: 5 * time.Second}
	}
	first := r.start(slow)
	r.send(order("a", "30001"))
	r.awaitNote("a")
	first.stop()
	r.start(func(c *worker.Config) { slow(c); c.Instance = "second"; c.Retry.MaxAttempts = 2 })
	got := r.awaitOne("a")
	if got.Cause != messages.CauseRetriesExhausted || got.Attempts != 2 || got.Worker != "second" || got.Redelivered {
		t.Errorf("result %+v", got)
	}
	if n := r.calls("30001"); n != 2 {
		t.Errorf("the gateway saw %d calls, want 2", n)
	}
}

// TestNotesEnd: what was noted about a command goes when the command has ended, and not
// an hour later.
func TestNotesEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const commands = 20
	for i := range commands {
		r.sim.Plan(agentNo(i), refusals(1)...)
	}
	r.start(func(c *worker.Config) { c.Retry.Initial, c.Retry.Max = 5*time.Second, 5*time.Second })
	r.send(crew(0, commands)...)
	r.awaitNote("id-" + agentNo(0))
	r.allSignedOut(commands)
	for r.streamState("PARKED").Msgs > 1 { // one is the mark of the consumer
		if r.ctx.Err() != nil {
			t.Fatalf("%d notes are left", r.streamState("PARKED").Msgs)
		}
		r.tick()
	}
}

// awaitNote waits until a command has been handed back to the server.
func (r *rig) awaitNote(id string) {
	r.Helper()
	stream, err := r.js.Stream(r.ctx, prefix.Stream("PARKED"))
	r.must(err)
	for {
		if _, err := stream.GetLastMsgForSubject(r.ctx, prefix.Parked(vcc, id)); err == nil {
			return
		}
		if r.ctx.Err() != nil {
			r.Fatalf("%s was not handed back", id)
		}
		r.tick()
	}
}

// TestLeaseOutlivesAckWait: a command that takes several times AckWait, in its
// retries and behind a busy slot, is never executed by two workers.
func TestLeaseOutlivesAckWait(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := streams.Bind(r.ctx, r.js, streams.Plan{Prefix: prefix, AckWait: 2 * time.Second}, vcc)
	r.must(err)
	const commands = 30
	long := func(c *worker.Config) {
		c.Concurrency = 2
		c.CallTimeout = 900 * time.Millisecond
		c.Retry = worker.Retry{MaxAttempts: 6, Initial: time.Second, Max: time.Second}
	}
	r.sim.SetFaults(sim.Faults{Latency: 100 * time.Millisecond})
	var orders []messages.Command
	for i := range commands {
		r.sim.Plan(agentNo(i), refusals(5)...)
		orders = append(orders, order("id-"+agentNo(i), agentNo(i)))
	}
	r.start(long)
	r.start(long)
	r.send(orders...)
	for id, got := range r.await(commands) {
		if got.Outcome != messages.OutcomeSignedOut || got.Attempts != 6 || got.Redelivered {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	for i := range commands {
		if n := r.calls(agentNo(i)); n != 6 {
			t.Errorf("the gateway saw %d calls for %s, want 6", n, agentNo(i))
		}
	}
}

// TestManyParked: more commands wait for a retry than the server gives out
// unacknowledged by default (1,000), and a healthy one still comes through.
func TestManyParked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const parked = 1500
	r.start(func(c *worker.Config) {
		c.Concurrency = 64
		c.Retry = worker.Retry{MaxAttempts: 9, Initial: time.Hour, Max: time.Hour}
	})
	var orders []messages.Command
	for i := range parked {
		r.sim.Plan(agentNo(i), refusals(1)...)
		orders = append(orders, order("id-"+agentNo(i), agentNo(i)))
	}
	r.send(orders...)
	r.send(order("healthy", "40001"))
	if got := r.awaitOne("healthy"); got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("result %+v", got)
	}
}
