package worker_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestShiftEnd: 10,000 commands are scheduled for one second, and the server is
// restarted before that. All are executed, once, and none early.
func TestShiftEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const commands = 10_000
	begin := time.Now()
	r.schedule(begin.Add(24*time.Hour), crew(commands, commands/10)...)
	at := time.Now().Add(3*time.Second + 20*time.Since(begin)).Truncate(time.Second)
	r.schedule(at, crew(0, commands)...)
	if late := time.Since(at); late > 0 {
		t.Fatalf("scheduling took %v too long", late)
	}
	addr := r.natsAddr()
	r.stopNATS()
	r.startNATS(addr)
	for _, name := range []string{"a", "b"} {
		r.start(func(c *worker.Config) { c.Instance, c.Concurrency = name, 64 })
	}
	for id, got := range r.await(commands) {
		if got.Outcome != messages.OutcomeSignedOut || got.Attempts != 1 || got.Redelivered {
			t.Errorf("%s: result %+v", id, got)
		}
		if got.StartedAt.Before(at) {
			t.Errorf("%s: called %v early", id, at.Sub(got.StartedAt))
		}
	}
	calls := r.sim.Calls()
	if len(calls) != commands {
		t.Errorf("%d calls for %d commands", len(calls), commands)
	}
	t.Logf("the last call began %v after the time", calls[len(calls)-1].Start.Sub(at).Round(time.Millisecond))
}

// TestFiredLate: the server was down at a schedule's time, for longer than the
// command lives. It ends as expired and is not executed.
func TestFiredLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	at := time.Now().Add(time.Second)
	c := order("a", "30001")
	c.NotBefore, c.ExpiresAt = at, at.Add(500*time.Millisecond)
	r.must(r.client.Publish(r.ctx, 0, func(yield func(client.Order, error) bool) {
		yield(client.Order{VCC: vcc, At: at, Command: c}, nil)
	}, func(client.Receipt) {}))
	addr := r.natsAddr()
	r.stopNATS()
	for time.Now().Before(c.ExpiresAt) {
		r.tick()
	}
	r.startNATS(addr)
	r.start(nil)
	got := r.awaitOne("a")
	if got.Outcome != messages.OutcomeExpired || got.Cause != messages.CauseExpiredBeforeAttempt || r.calls("30001") != 0 {
		t.Errorf("%d calls, result %+v", r.calls("30001"), got)
	}
	if planned := at.UTC().Truncate(time.Millisecond); !got.NotBefore.Equal(planned) {
		t.Errorf("the result says that it was planned for %v, not for %v", got.NotBefore, planned)
	}
}

// TestLastRequestWins: after any sequence of scheduling, moving and withdrawing,
// each command is where the last accepted request put it.
func TestLastRequestWins(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	far := time.Now().Add(24 * time.Hour).Truncate(time.Second)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		want := map[string]time.Time{} // zero: withdrawn
		steps := rapid.SliceOfN(rapid.IntRange(0, 5*4-1), 1, 25).Draw(rt, "steps")
		for _, step := range steps {
			id, hours := fmt.Sprintf("r%d-%d", run, step%5), step/5
			at, known := want[id]
			if hours == 0 {
				answer := r.cancel(client.Selection{IDs: []string{id}})[id].Answer
				if known != (answer == client.Cancelled) {
					rt.Fatalf("cancel of %s: %s", id, answer)
				}
				if known {
					want[id] = time.Time{}
				}
				continue
			}
			moved := far.Add(time.Duration(hours) * time.Hour)
			err := r.scheduleOne(id, moved)
			if withdrawn := known && at.IsZero(); withdrawn != (err != nil) {
				rt.Fatalf("schedule of %s, withdrawn %v: %v", id, withdrawn, err)
			}
			if err == nil {
				want[id] = moved
			}
		}
		r.checkSchedules(rt, want)
	})
	if n := len(r.sim.Calls()); n != 0 {
		t.Errorf("%d calls of commands that are not due", n)
	}
}

func (r *rig) scheduleOne(id string, at time.Time) (taken error) {
	c := order(id, "30001")
	c.NotBefore, c.ExpiresAt = at, at.Add(time.Hour)
	r.must(r.client.Publish(r.ctx, 0, func(yield func(client.Order, error) bool) {
		yield(client.Order{VCC: vcc, At: at, Command: c}, nil)
	}, func(got client.Receipt) { taken = got.Err }))
	if taken != nil && !errors.Is(taken, client.ErrEnded) && !errors.Is(taken, client.ErrWithdrawn) {
		r.Error(taken)
	}
	return taken
}

// checkSchedules looks at what the server holds, and at the results of what was
// withdrawn.
func (r *rig) checkSchedules(t *rapid.T, want map[string]time.Time) {
	stream, err := r.js.Stream(r.ctx, prefix.Stream("COMMANDS"))
	r.must(err)
	for id, at := range want {
		if at.IsZero() {
			if got := r.awaitOne(id); got.Outcome != messages.OutcomeCancelled {
				t.Fatalf("result %+v", got)
			}
			continue
		}
		msg, err := stream.GetLastMsgForSubject(r.ctx, prefix.Schedule(vcc, id))
		if err != nil {
			t.Fatalf("%s is not scheduled: %v", id, err)
		}
		if got := msg.Header.Get("Nats-Schedule"); got != "@at "+at.UTC().Format(time.RFC3339) {
			t.Fatalf("%s is scheduled %s, want %s", id, got, at)
		}
	}
}

// TestNotBeforeTakesNoSlot: a command waits for its time without a slot, and is executed then.
func TestNotBeforeTakesNoSlot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(func(c *worker.Config) { c.Concurrency = 1 })
	later := crew(0, 20)
	at := time.Now().Add(3 * time.Second)
	for i := range later {
		later[i].NotBefore = at
	}
	r.send(later...)
	r.send(order("now", "40001"))
	if got := r.awaitOne("now"); got.Outcome != messages.OutcomeSignedOut || len(r.sim.Calls()) != 1 {
		t.Errorf("result %+v, calls %+v", got, r.sim.Calls())
	}
	for id, got := range r.await(21) {
		if id != "now" && (got.Outcome != messages.OutcomeSignedOut || got.StartedAt.Before(at.Truncate(time.Millisecond))) {
			t.Errorf("%s: result %+v, want none before %v", id, got, at)
		}
	}
	first, err := r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.WorkNo != "40001" })
	r.must(err)
	t.Logf("the first call began %v after the time", first.Start.Sub(at).Round(time.Millisecond))
}

// TestQueueAge: how long a command has waited counts from when the stream first had it,
// also where it was published again under its id.
func TestQueueAge(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(nil, encoded(t, order("a", "30001")))
	stored := time.Now()
	for time.Since(stored) < 1100*time.Millisecond {
		r.tick()
	}
	metrics := admin.NewMetrics(vcc)
	r.start(func(c *worker.Config) { c.Metrics = metrics })
	r.awaitOne("a")
	text := r.scrapeUntil(metrics, `forcelogout_lateness_seconds_count{outcome="signed_out",vcc="default"} 1`)
	for _, want := range []string{
		`forcelogout_queue_age_seconds_bucket{vcc="default",le="1"} 0`,
		`forcelogout_queue_age_seconds_count{vcc="default"} 1`,
		`forcelogout_lateness_seconds_bucket{outcome="signed_out",vcc="default",le="1"} 0`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s, so the command counts as younger than a second: %s", want, text)
		}
	}
}
