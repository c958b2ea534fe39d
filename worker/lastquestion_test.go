package worker_test

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestAskedBeforeItExpires: a call works and its answer is lost, and the next call would
// come too late. The agent's state is asked while there is time.
func TestAskedBeforeItExpires(t *testing.T) {
	t.Parallel()
	cases := map[string][]sim.Answer{
		"at once":  nil,
		"hindered": repeated(sim.Answer{HTTPStatus: 503}, 1),
	}
	for name, hindered := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.sim.Plan("30001", sim.Answer{Fault: sim.FaultAnswerLost})
			r.sim.PlanState("30001", hindered...)
			r.start(func(c *worker.Config) {
				c.CallTimeout = 2 * time.Second
				c.Retry = worker.Retry{MaxAttempts: 4, Initial: 30 * time.Second, Max: 30 * time.Second}
			})
			x := order("x", "30001")
			x.ExpiresAt = time.Now().Add(6 * time.Second)
			r.send(x)
			got := r.awaitOne("x")
			if got.Outcome != messages.OutcomeAlreadySignedOut || r.calls("30001") != 1 {
				t.Errorf("the agent was signed out, %d calls, result %+v", r.calls("30001"), got)
			}
		})
	}
}

// TestAskedByAnotherInspector: a worker dies that may have called for a command, and nobody
// else knows the inspector whom the command names. Another one asks what came of the call,
// and does not call.
func TestAskedByAnotherInspector(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		signedIn bool
		hindered []sim.Answer
		outcome  messages.Outcome
	}{
		"it worked":                      {outcome: messages.OutcomeAlreadySignedOut},
		"it worked, the question fails":  {hindered: repeated(sim.Answer{HTTPStatus: 503}, 2), outcome: messages.OutcomeAlreadySignedOut},
		"it did not work":                {signedIn: true, outcome: messages.OutcomeFailed},
		"the question is never answered": {signedIn: true, hindered: repeated(sim.Answer{HTTPStatus: 503}, 1000), outcome: messages.OutcomeFailed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.ackWait(15 * time.Second)
			r.sim.SetAgent("30001", sim.Agent{SignedIn: c.signedIn})
			r.sim.PlanState("30001", c.hindered...)
			x := order("x", "30001")
			x.Inspector = inspectorOfB
			r.send(x)
			for range 5 { // half a minute of workers that do not know them either
				r.must(r.fetchOne().Nak())
			}
			r.start(nil)
			got := r.awaitOne("x")
			if got.Outcome != c.outcome || !got.Redelivered || r.calls("30001") != 0 {
				t.Errorf("%d calls, result %+v", r.calls("30001"), got)
			}
			r.idle()
		})
	}
}
