package worker_test

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestMaxPerMinute: two workers together make one call in a minute; what gets no turn waits
// with the server, and expires on time.
func TestMaxPerMinute(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var commands []messages.Command
	for i := range 6 {
		command := order("id-"+agentNo(i), agentNo(i))
		command.IssuedAt, command.ExpiresAt = time.Now(), time.Now().Add(8*time.Second)
		commands = append(commands, command)
	}
	for range 2 {
		r.start(func(c *worker.Config) { c.MaxPerMinute = 1 })
	}
	r.send(commands...)
	outcomes := map[messages.Outcome]int{}
	for _, got := range r.await(len(commands)) {
		outcomes[got.Outcome]++
		if got.Outcome == messages.OutcomeExpired && (got.Cause != messages.CauseExpiredBeforeAttempt || got.FinishedAt.Before(got.IssuedAt.Add(8*time.Second))) {
			t.Errorf("result %+v", got)
		}
	}
	if outcomes[messages.OutcomeSignedOut] != 1 || outcomes[messages.OutcomeExpired] != 5 {
		t.Errorf("outcomes %v", outcomes)
	}
}

// TestPaced: calls of two workers are spaced, retries among them.
func TestPaced(t *testing.T) {
	t.Parallel()
	const perMinute = 60
	r := newRig(t)
	r.sim.Plan(agentNo(0), sim.Answer{Retcode: "900-001"}, sim.Answer{Retcode: "900-001"})
	var commands []messages.Command
	for i := range 4 {
		commands = append(commands, order("id-"+agentNo(i), agentNo(i)))
	}
	for range 2 {
		r.start(func(c *worker.Config) { c.MaxPerMinute = perMinute })
	}
	r.send(commands...)
	calls := 0
	for _, got := range r.await(len(commands)) {
		calls += got.Attempts
		if got.Outcome != messages.OutcomeSignedOut {
			t.Errorf("result %+v", got)
		}
	}
	var first, last time.Time
	for i := range commands {
		for _, call := range r.sim.CallsTo(agentNo(i), sim.OpForceLogout) {
			if first.IsZero() || call.Start.Before(first) {
				first = call.Start
			}
			if call.Start.After(last) {
				last = call.Start
			}
		}
	}
	// The first may have come late, by as much as a turn lasts.
	if least := time.Duration(calls-1)*time.Minute/perMinute - 2*time.Second; calls != 6 || last.Sub(first) < least {
		t.Errorf("%d calls within %v", calls, last.Sub(first))
	}
}
