package worker_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
)

// cancel withdraws commands and returns the answers by id.
func (r *rig) cancel(which client.Selection) map[string]client.Withdrawal {
	r.Helper()
	ctx, stop := context.WithTimeout(r.ctx, 40*time.Second) // longer than it waits for workers
	defer stop()
	answers := map[string]client.Withdrawal{}
	by := messages.Cancellation{RequestedBy: "planning", Reason: "overtime", At: time.Now()}
	err := r.client.Cancel(ctx, vcc, which, by, 20*time.Second, func(w client.Withdrawal) { answers[w.ID] = w })
	if err != nil {
		r.Error(err)
	}
	return answers
}

// schedule sends commands for later.
func (r *rig) schedule(at time.Time, commands ...messages.Command) {
	r.Helper()
	r.must(r.client.Publish(r.ctx, 0, func(yield func(client.Order, error) bool) {
		for _, c := range commands {
			c.NotBefore, c.ExpiresAt = at, at.Add(time.Hour)
			if !yield(client.Order{VCC: vcc, At: at, Command: c}, nil) {
				return
			}
		}
	}, func(got client.Receipt) {
		if got.Err != nil {
			r.Errorf("%s: %v", got.Order.Command.ID, got.Err)
		}
	}))
}

// TestCancelWherever: a command is withdrawn wherever it is, the answer is true,
// and its result goes out while a worker runs.
func TestCancelWherever(t *testing.T) {
	t.Parallel()
	soon := func(c *worker.Config) {
		c.Concurrency = 1
		c.Retry = worker.Retry{MaxAttempts: 4, Initial: time.Minute, Max: time.Minute}
	}
	cases := map[string]struct {
		prepare func(*rig)
		start   bool
		answer  client.Withdrawn
		outcome messages.Outcome
		calls   int
	}{
		"scheduled":                 {prepare: func(r *rig) { r.schedule(time.Now().Add(time.Hour), order("a", "30001")) }, start: true, answer: client.Cancelled, outcome: messages.OutcomeCancelled},
		"scheduled, nobody there":   {prepare: func(r *rig) { r.schedule(time.Now().Add(time.Hour), order("a", "30001")) }, answer: client.Cancelled, outcome: messages.OutcomeCancelled},
		"in the stream, no workers": {prepare: func(r *rig) { r.send(order("a", "30001")) }, answer: client.Cancelled, outcome: messages.OutcomeCancelled},
		"in the stream, behind others": {prepare: func(r *rig) {
			r.Cleanup(r.sim.Hold())
			r.send(crew(100, 20)...)
			r.must(r.sim.AwaitInFlight(r.ctx, 1))
			r.send(order("a", "30001"))
		}, start: true, answer: client.Cancelled, outcome: messages.OutcomeCancelled},
		"waits for its time": {prepare: func(r *rig) {
			c := order("a", "30001")
			c.NotBefore = time.Now().Add(time.Hour)
			r.send(c)
			r.handedBack("a")
		}, start: true, answer: client.Cancelled, outcome: messages.OutcomeCancelled},
		"waits for a retry": {prepare: func(r *rig) {
			r.sim.Plan("30001", sim.Answer{Retcode: "100-009"})
			r.send(order("a", "30001"))
			r.handedBack("a")
		}, start: true, answer: client.Cancelled, outcome: messages.OutcomeCancelled, calls: 1},
		"in a call": {prepare: func(r *rig) {
			r.sim.Plan("30001", sim.Answer{Delay: 300 * time.Millisecond})
			r.send(order("a", "30001"))
			_, err := r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return true })
			_ = err
		}, start: true, answer: client.TooLate, outcome: messages.OutcomeSignedOut, calls: 1},
		"done": {prepare: func(r *rig) { r.send(order("a", "30001")); r.awaitOne("a") }, start: true, answer: client.TooLate, outcome: messages.OutcomeSignedOut, calls: 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if c.start {
				r.start(soon)
			}
			c.prepare(r)
			answers := r.cancel(client.Selection{IDs: []string{"a", "never"}})
			if got := answers["a"]; got.Answer != c.answer || got.WorkNo != "30001" {
				t.Errorf("answer %+v, want %s", got, c.answer)
			}
			if got := answers["never"]; got.Answer != client.Unknown {
				t.Errorf("answer %+v", got)
			}
			if !c.start {
				r.start(soon)
			}
			got := r.awaitOne("a")
			if got.Outcome != c.outcome || r.calls("30001") != c.calls {
				t.Errorf("%d calls, result %+v", r.calls("30001"), got)
			}
			again := r.cancel(client.Selection{IDs: []string{"a"}})["a"]
			if again.Answer != c.answer || again.Result == nil {
				t.Errorf("asked again: %+v", again)
			}
		})
	}
}

// handedBack waits until a command is with the server for longer.
func (r *rig) handedBack(id string) {
	r.Helper()
	stream, err := r.js.Stream(r.ctx, prefix.Stream("PARKED"))
	r.must(err)
	for {
		if msg, err := stream.GetLastMsgForSubject(r.ctx, prefix.Parked(vcc, id)); err == nil && len(msg.Data) > 0 {
			return
		}
		if r.ctx.Err() != nil {
			r.Fatal("not handed back")
		}
		r.tick()
	}
}

// TestCancelSelection: all open commands of an agent, or of a shift.
func TestCancelSelection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	at := time.Now().Add(time.Hour)
	a, b, c := order("a", "30001"), order("b", "30001"), order("c", "30002")
	b.Meta, c.Meta = map[string]string{"shift": "S-18"}, map[string]string{"shift": "S-18"}
	r.schedule(at, a, c)
	r.send(b)
	if got := r.cancel(client.Selection{WorkNo: "30001"}); len(got) != 2 || got["a"].Answer != client.Cancelled || got["b"].Answer != client.Cancelled {
		t.Errorf("by agent: %+v", got)
	}
	if got := r.cancel(client.Selection{Shift: "S-18"}); got["c"].Answer != client.Cancelled || got["a"].ID != "" {
		t.Errorf("by shift: %+v", got)
	}
	r.start(nil)
	for id, got := range r.await(3) {
		if got.Outcome != messages.OutcomeCancelled || got.Error == "" {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	if n := len(r.sim.Calls()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// TestCancelRace: of a cancellation and an execution exactly one wins, and both the
// answer and the result say which.
func TestCancelRace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.SetFaults(sim.Faults{Latency: 5 * time.Millisecond, FailRate: 0.2, Retcode: "900-001"})
	for _, name := range []string{"a", "b"} {
		r.start(func(c *worker.Config) { c.Instance, c.Concurrency, c.Retry.MaxAttempts = name, 8, 50 })
	}
	const commands, cancellers = 400, 8
	var mu sync.Mutex
	answers := map[string]client.Withdrawal{}
	var all sync.WaitGroup
	for n := range cancellers {
		all.Go(func() {
			for i := n; i < commands; i += cancellers {
				one := crew(i, 1)
				if i%2 == 0 {
					r.send(one...)
				} else {
					r.schedule(time.Now(), one...)
				}
				for id, w := range r.cancel(client.Selection{IDs: []string{one[0].ID}}) {
					mu.Lock()
					answers[id] = w
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	counts := map[client.Withdrawn]int{}
	for id, got := range r.await(commands) {
		answer := answers[id].Answer
		counts[answer]++
		effects := 0
		for _, call := range r.sim.CallsTo(got.WorkNo, sim.OpForceLogout) {
			if call.Effect {
				effects++
			}
		}
		switch {
		case got.Outcome == messages.OutcomeCancelled && answer == client.Cancelled && effects == 0:
		case got.Outcome == messages.OutcomeSignedOut && answer == client.TooLate && effects == 1:
		default:
			t.Errorf("%s: answer %s, %d sign-outs, result %+v", id, answer, effects, got)
		}
	}
	t.Log(fmt.Sprint(counts))
}

// TestCancelBesideAClaim: the same command stands in the stream twice, and a worker may be
// in a call for one of the two messages. The other message, which nobody has had, does not
// make it cancelled.
func TestCancelBesideAClaim(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{})
	r.start(func(c *worker.Config) { c.Inspectors = []session.Account{{Inspector: inspector, Shared: true}} }) // pulls nothing
	command := encoded(t, order("a", "30001"))
	claimed, copied := r.publish(nil, command), r.publish(nil, command)
	by := messages.Cancellation{RequestedBy: "planning", At: time.Now()}
	note, err := messages.Parked{Sequence: claimed, Claim: 1, ClaimedBy: "another", ClaimedAt: time.Now(), Cancelled: &by}.Encode()
	r.must(err)
	_, err = r.js.Publish(r.ctx, prefix.Parked(vcc, "a"), note)
	r.must(err)
	nudge, err := messages.Cancel{ID: "a", Sequence: copied, By: by}.Encode()
	r.must(err)
	for r.ctx.Err() == nil {
		// The worker's answer says that it has looked.
		if _, err := r.nc.Request(prefix.Cancel(vcc), nudge, 5*time.Second); err == nil {
			break
		}
	}
	if n := r.streamState("RESULTS").Msgs; n != 0 {
		t.Errorf("%+v while another worker may be in a call", r.awaitOne("a"))
	}
	if n := r.streamState("COMMANDS").Msgs; n != 2 {
		t.Errorf("%d commands are left, want both", n)
	}
}

// TestExpireBesideAClaim: the same for a command that expires while nothing is pulled.
func TestExpireBesideAClaim(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{})
	r.start(func(c *worker.Config) {
		c.Inspectors = []session.Account{{Inspector: inspector, Shared: true}} // pulls nothing
		c.AckWait, c.CallTimeout = 2*time.Second, time.Second
	})
	order := order("a", "30001")
	order.ExpiresAt = time.Now().Add(2 * time.Second)
	claimed := r.publish(nil, encoded(t, order))
	consumer, err := r.js.Consumer(r.ctx, prefix.Stream("COMMANDS"), prefix.Consumer(vcc))
	r.must(err)
	_, err = consumer.Next() // by another worker
	r.must(err)
	note, err := messages.Parked{Sequence: claimed, Claim: 1, ClaimedBy: "another", ClaimedAt: time.Now()}.Encode()
	r.must(err)
	_, err = r.js.Publish(r.ctx, prefix.Parked(vcc, "a"), note)
	r.must(err)
	r.publish(nil, encoded(t, order))
	if got := r.awaitOne("a"); !got.Redelivered || got.Cause != messages.CauseExpiredWhileRetrying {
		t.Errorf("another worker may have called: %+v", got)
	}
}
