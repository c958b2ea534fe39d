package worker_test

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// What a command's calls may have done stays open until a state query has answered.

// TestQueryHindered: a call works and its answer is lost, and the question for the
// agent's state meets trouble as well. It is asked again, and the agent not called.
func TestQueryHindered(t *testing.T) {
	t.Parallel()
	cases := map[string]sim.Answer{
		"hangs":       {Fault: sim.FaultHang},
		"reset":       {Fault: sim.FaultReset},
		"unavailable": {HTTPStatus: 503},
		"proxy page":  {Fault: sim.FaultHTML},
		"half":        {Fault: sim.FaultHalfJSON},
		"recovery":    {Retcode: "105-002"},
	}
	for name, hindered := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.sim.Plan("30001", sim.Answer{Fault: sim.FaultAnswerLost})
			r.sim.PlanState("30001", hindered, hindered)
			r.start(func(c *worker.Config) { c.CallTimeout, c.Retry.MaxAttempts = 500*time.Millisecond, 8 })
			r.send(order("x", "30001"))
			got := r.awaitOne("x")
			if got.Outcome != messages.OutcomeAlreadySignedOut || got.Attempts != 1 || r.calls("30001") != 1 {
				t.Errorf("%d calls, result %+v", r.calls("30001"), got)
			}
		})
	}
}

// TestCancelAfterLostAnswer: the first call works and its answer is lost, the state
// cannot be read, and another call would be refused. The command that is withdrawn then
// does not end as cancelled.
func TestCancelAfterLostAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.Plan("30001", sim.Answer{Fault: sim.FaultAnswerLost}, sim.Answer{Retcode: "000-004"})
	r.sim.PlanState("30001", repeated(sim.Answer{Fault: sim.FaultHTML}, 3)...)
	r.start(func(c *worker.Config) {
		c.Retry = worker.Retry{MaxAttempts: 8, Initial: time.Second, Max: time.Second}
	})
	r.send(order("x", "30001"))
	_, err := r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.Op == sim.OpAgentState })
	r.must(err)
	r.within(500*time.Millisecond, func() bool { return r.calls("30001") == 2 })
	r.cancel(client.Selection{IDs: []string{"x"}})
	if got := r.awaitOne("x"); got.Outcome != messages.OutcomeAlreadySignedOut {
		t.Errorf("the agent was signed out, and the result is %+v", got)
	}
}

// TestCalledBySomebodyElse: 000-007 says that somebody calls for the agent right now.
// It costs no attempt and never ends a command as failed; the agent's state is asked.
func TestCalledBySomebodyElse(t *testing.T) {
	t.Parallel()
	busy := sim.Answer{Retcode: "000-007"}
	cases := map[string]struct {
		answers []sim.Answer
		life    time.Duration
		outcome messages.Outcome
		calls   int // 0 for any number
	}{
		"for a while":             {[]sim.Answer{busy, busy, busy}, time.Minute, messages.OutcomeSignedOut, 4},
		"until it expires":        {repeated(busy, 1000), 3 * time.Second, messages.OutcomeExpired, 0},
		"who signs the agent out": {[]sim.Answer{{Retcode: "000-007", Effect: true}}, time.Minute, messages.OutcomeAlreadySignedOut, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.sim.Plan("30001", c.answers...)
			r.start(func(c *worker.Config) { c.CallTimeout, c.Retry.MaxAttempts = time.Second, 2 })
			x := order("x", "30001")
			x.ExpiresAt = time.Now().Add(c.life)
			r.send(x)
			got := r.awaitOne("x")
			if n := r.calls("30001"); got.Outcome != c.outcome || c.calls > 0 && n != c.calls {
				t.Errorf("%d calls, result %+v", n, got)
			}
			if r.stateQueries("30001") == 0 {
				t.Error("nobody asked for the agent's state")
			}
		})
	}
}

func repeated(a sim.Answer, n int) []sim.Answer {
	answers := make([]sim.Answer, n)
	for i := range answers {
		answers[i] = a
	}
	return answers
}
