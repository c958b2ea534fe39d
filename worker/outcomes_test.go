package worker_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestOutcomes runs one command per row through a whole installation and looks
// at its result and at the gateway's own record.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	code := func(codes ...string) (answers []sim.Answer) {
		for _, c := range codes {
			answers = append(answers, sim.Answer{Retcode: c, Message: "because"})
		}
		return answers
	}
	status := func(codes ...int) (answers []sim.Answer) {
		for _, c := range codes {
			answers = append(answers, sim.Answer{HTTPStatus: c, Body: []byte("<html>sorry</html>")})
		}
		return answers
	}
	cases := []struct {
		name    string
		absent  bool
		answers []sim.Answer
		change  func(*messages.Command)

		outcome  messages.Outcome
		cause    messages.Cause
		calls    int
		queries  int
		retcode  string
		redirect bool
	}{
		{name: "signed out at once", outcome: messages.OutcomeSignedOut, calls: 1, retcode: "0"},
		{name: "transient twice", answers: code("900-002", "900-001"), outcome: messages.OutcomeSignedOut, calls: 3, retcode: "0"},
		{name: "called again too soon", answers: code("000-007"), outcome: messages.OutcomeSignedOut, calls: 2, queries: 1, retcode: "0"},
		{name: "HTTP errors are transient", answers: status(502, 503, 500), outcome: messages.OutcomeSignedOut, calls: 4, queries: 3, retcode: "0"},
		{name: "not JSON", answers: status(200), outcome: messages.OutcomeSignedOut, calls: 2, queries: 1, retcode: "0"},
		{name: "half JSON", answers: []sim.Answer{{Fault: sim.FaultHalfJSON}}, outcome: messages.OutcomeSignedOut, calls: 2, queries: 1, retcode: "0"},
		{name: "connection reset", answers: []sim.Answer{{Fault: sim.FaultReset}}, outcome: messages.OutcomeSignedOut, calls: 2, queries: 1, retcode: "0"},
		{name: "huge body", answers: []sim.Answer{{Fault: sim.FaultHuge}}, outcome: messages.OutcomeSignedOut, calls: 2, queries: 1, retcode: "0"},
		{name: "present agent, resource not available", answers: code("900-003"), outcome: messages.OutcomeSignedOut, calls: 2, queries: 1, retcode: "0"},
		{name: "state exception", answers: code("900-005"), outcome: messages.OutcomeSignedOut, calls: 2, queries: 1, retcode: "0"},
		{name: "absent agent", absent: true, outcome: messages.OutcomeAlreadySignedOut, calls: 1, queries: 1, retcode: "900-003"},
		{name: "absent agent, 100-008", absent: true, answers: code("100-008"), outcome: messages.OutcomeAlreadySignedOut, calls: 1, queries: 1, retcode: "100-008"},
		{name: "present agent, 100-008 proves nothing", answers: code("100-008"), outcome: messages.OutcomeSignedOut, calls: 2, queries: 1, retcode: "0"},
		{name: "answer lost after the effect", answers: []sim.Answer{{Fault: sim.FaultAnswerLost}}, outcome: messages.OutcomeAlreadySignedOut, calls: 1, queries: 1},
		{name: "refused for good", answers: code("000-002"), outcome: messages.OutcomeFailed, cause: messages.CauseRefused, calls: 1, retcode: "000-002"},
		{name: "unknown code", answers: code("123-456", "123-456", "123-456", "123-456"), outcome: messages.OutcomeFailed, cause: messages.CauseRefused, calls: 3, queries: 3, retcode: "123-456"},
		{name: "unknown code once", answers: code("123-456"), outcome: messages.OutcomeSignedOut, calls: 2, queries: 1, retcode: "0"},
		{name: "unknown code, absent", absent: true, answers: code("123-456"), outcome: messages.OutcomeAlreadySignedOut, calls: 1, queries: 1, retcode: "123-456"},
		{name: "wrong URL", answers: status(404), outcome: messages.OutcomeFailed, cause: messages.CauseRefused, calls: 1},
		{name: "redirect", answers: []sim.Answer{{Fault: sim.FaultRedirect}}, outcome: messages.OutcomeSignedOut, calls: 2, queries: 1, retcode: "0"},
		{name: "retries used up", answers: code("900-002", "900-002", "900-002", "900-002"), outcome: messages.OutcomeFailed, cause: messages.CauseRetriesExhausted, calls: 4, retcode: "900-002"},
		{name: "session doubted", answers: code("100-006"), outcome: messages.OutcomeSignedOut, calls: 2, retcode: "0"},
		{name: "session not accepted", answers: code("000-003"), outcome: messages.OutcomeSignedOut, calls: 2, retcode: "0"},
		{name: "HTTP 401", answers: status(http.StatusUnauthorized), outcome: messages.OutcomeSignedOut, calls: 2, retcode: "0"},
		{name: "expired", change: func(c *messages.Command) { c.ExpiresAt = time.Now().Add(-time.Second) },
			outcome: messages.OutcomeExpired, cause: messages.CauseExpiredBeforeAttempt},
		{name: "issued too long ago", change: func(c *messages.Command) { c.IssuedAt = time.Now().Add(-time.Hour) },
			outcome: messages.OutcomeExpired, cause: messages.CauseExpiredBeforeAttempt},
	}
	r := newRig(t)
	var commands []messages.Command
	for i, c := range cases {
		agent := agentNo(i)
		r.sim.SetAgent(agent, sim.Agent{SignedIn: !c.absent})
		r.sim.Plan(agent, c.answers...)
		command := order("id-"+agent, agent)
		command.Meta = map[string]string{"case": c.name}
		if c.change != nil {
			c.change(&command)
		}
		commands = append(commands, command)
	}
	r.start(nil)
	r.send(commands...)
	results := r.await(len(cases))
	r.idle()
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := results[commands[i].ID]
			agent := commands[i].WorkNo
			if got.Outcome != c.outcome || got.Cause != c.cause || got.Retcode != c.retcode || got.Attempts != c.calls {
				t.Errorf("result %+v", got)
			}
			if n := r.calls(agent); n != c.calls {
				t.Errorf("the gateway saw %d calls, want %d", n, c.calls)
			}
			if n := r.stateQueries(agent); n != c.queries {
				t.Errorf("the gateway saw %d state queries, want %d", n, c.queries)
			}
			if got.Meta["case"] != c.name || got.Reason != "shift-end" || got.VCC != vcc || got.Worker != "w" || got.Redelivered {
				t.Errorf("result %+v", got)
			}
			if (got.Error == "") != (got.Cause == "") {
				t.Errorf("error %q with cause %q", got.Error, got.Cause)
			}
		})
	}
}

// agentNo is the workNo of a test's nth agent.
func agentNo(n int) string { return strconv.Itoa(30001 + n) }

// TestRetcodeOverride shows that an operator's class replaces the table's.
func TestRetcodeOverride(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.Plan("30001", sim.Answer{Retcode: "900-002"})
	r.start(func(c *worker.Config) { c.Retcodes = map[string]worker.Class{"900-002": worker.ClassPermanent} })
	r.send(order("a", "30001"))
	if got := r.awaitOne("a"); got.Outcome != messages.OutcomeFailed || got.Attempts != 1 {
		t.Errorf("result %+v", got)
	}
}

// TestRetryAfter: the gateway's own wish delays the next call, not so that the command
// dies of it, and only where the gateway has refused the call.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	asks := func(status int, after string) sim.Answer {
		return sim.Answer{HTTPStatus: status, Header: http.Header{"Retry-After": {after}}}
	}
	r.sim.Plan("30001", asks(http.StatusServiceUnavailable, "1"))
	r.sim.Plan("30002", asks(http.StatusServiceUnavailable, "3600"))
	r.sim.Plan("30003", asks(http.StatusOK, "1"))
	r.start(func(c *worker.Config) { c.Retry.Max = 1200 * time.Millisecond })
	r.send(crew(0, 3)...)
	for id, got := range r.await(3) {
		if got.Outcome != messages.OutcomeSignedOut || got.Attempts != 2 {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	pause := func(workNo string) time.Duration {
		calls := r.sim.CallsTo(workNo, sim.OpForceLogout)
		return calls[1].Start.Sub(calls[0].End)
	}
	if pause("30001") < time.Second || pause("30002") < 1200*time.Millisecond || pause("30003") > time.Second {
		t.Errorf("pauses %v %v %v", pause("30001"), pause("30002"), pause("30003"))
	}
}

// TestExpiry: whatever the attempts allow, no call starts after expiresAt.
func TestExpiry(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 1000 {
		r.sim.Plan("30001", sim.Answer{Retcode: "900-002"})
	}
	r.sim.Plan("30002", sim.Answer{Fault: sim.FaultHang})
	r.start(func(c *worker.Config) { c.Retry.MaxAttempts = 1_000_000 })
	expires := time.Now().Add(3 * time.Second)
	retrying, hanging := order("retrying", "30001"), order("hanging", "30002")
	retrying.ExpiresAt, hanging.ExpiresAt = expires, expires
	r.send(retrying, hanging)
	for id, got := range r.await(2) {
		if got.Outcome != messages.OutcomeExpired || got.Cause != messages.CauseExpiredWhileRetrying || got.FinishedAt.Before(expires.Truncate(time.Millisecond)) {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	for _, call := range r.sim.Calls() {
		if call.Start.After(expires) {
			t.Errorf("call %+v after %v", call, expires)
		}
	}
}

// TestNotBefore: a command waits for its time, and then runs.
func TestNotBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	soon, later := order("soon", "30001"), order("later", "30002")
	soon.NotBefore = time.Now().Add(500 * time.Millisecond)
	later.NotBefore = time.Now().Add(3 * time.Second) // long enough to go back to the server
	r.send(soon, later)
	for id, got := range r.await(2) {
		if got.Outcome != messages.OutcomeSignedOut || got.Attempts != 1 || got.Redelivered {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	for _, command := range []messages.Command{soon, later} {
		for _, call := range r.sim.CallsTo(command.WorkNo, sim.OpForceLogout) {
			if call.Start.Before(command.NotBefore) {
				t.Errorf("%s was called at %v, before %v", command.ID, call.Start, command.NotBefore)
			}
		}
	}
}
