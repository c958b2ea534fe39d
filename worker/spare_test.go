package worker_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestSignedInBefore: an agent whose present sign-in is a later one is left alone,
// also where it begins between two calls. A gateway that cannot tell leaves the
// rule off; one that cannot tell just now is asked again.
func TestSignedInBefore(t *testing.T) {
	t.Parallel()
	limit := time.Now().Add(-time.Hour)
	state := func(body string) sim.Answer { return sim.Answer{HTTPStatus: 200, Body: []byte(body)} }
	cases := map[string]struct {
		login   time.Time
		prepare func(*sim.Gateway)
		outcome messages.Outcome
		cause   messages.Cause
		calls   int
		open    bool // the condition could not be asked
	}{
		"this shift":     {login: limit.Add(-time.Minute), outcome: messages.OutcomeSignedOut, calls: 1},
		"the next shift": {login: limit.Add(time.Minute), outcome: messages.OutcomeSuperseded, cause: messages.CauseSuperseded},
		"signed out": {login: limit, prepare: func(g *sim.Gateway) { g.SetAgent("30001", sim.Agent{}) },
			outcome: messages.OutcomeAlreadySignedOut},
		"no date": {login: limit.Add(time.Minute), prepare: func(g *sim.Gateway) {
			g.PlanState("30001", state(`{"retcode":"0","result":{"workno":"30001","status":"4","logindate":"4294967295000"}}`))
		}, outcome: messages.OutcomeSignedOut, calls: 1, open: true},
		"no right to ask": {login: limit.Add(time.Minute), prepare: func(g *sim.Gateway) { g.PlanState("30001", sim.Answer{Retcode: "300-001"}) },
			outcome: messages.OutcomeSignedOut, calls: 1, open: true},
		"not just now": {login: limit.Add(time.Minute), prepare: func(g *sim.Gateway) { g.PlanState("30001", sim.Answer{Fault: sim.FaultHTML}) },
			outcome: messages.OutcomeSuperseded, cause: messages.CauseSuperseded},
		"between two calls": {login: limit.Add(-time.Minute), prepare: func(g *sim.Gateway) {
			g.Plan("30001", sim.Answer{Retcode: "900-001"})
			g.PlanState("30001", sim.Answer{}, state(`{"retcode":"0","result":{"workno":"30001","status":4,"logindate":4000000000000}}`))
		}, outcome: messages.OutcomeSuperseded, cause: messages.CauseSuperseded, calls: 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.sim.SetAgent("30001", sim.Agent{SignedIn: true, LoginAt: c.login})
			if c.prepare != nil {
				c.prepare(r.sim)
			}
			r.start(nil)
			command := order("a", "30001")
			command.SignedInBefore = limit
			r.send(command)
			if got := r.awaitOne("a"); got.Outcome != c.outcome || got.Cause != c.cause || got.Attempts != c.calls || r.calls("30001") != c.calls {
				t.Errorf("%d calls, result %+v", r.calls("30001"), got)
			} else if got.AgentState == "" || (got.Conditions == messages.ConditionsUnknown) != c.open {
				t.Errorf("agent state %q, conditions %q", got.AgentState, got.Conditions)
			}
		})
	}
}

// TestWhenIdle: an agent on a call may end it, until the grace is over. Others are
// not held up by that, though there is one slot only, and observers are told.
func TestWhenIdle(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		grace  time.Duration
		hangUp bool
	}{
		"ends the call":     {time.Hour, true},
		"grace has passed":  {time.Second, false},
		"cannot tell, ends": {2 * time.Second, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.sim.SetAgent("30001", sim.Agent{SignedIn: true, OnCall: true})
			if name == "cannot tell, ends" {
				r.sim.PlanState("30001", sim.Answer{Retcode: "300-001"})
			}
			r.start(func(c *worker.Config) { c.Concurrency = 1 })
			waits := make(chan messages.Progress, 100)
			sub, err := r.nc.Subscribe(prefix.Progress(vcc, "30001", "polite"), func(m *nats.Msg) {
				if p, err := messages.DecodeProgress(m.Data); err == nil {
					waits <- p
				}
			})
			r.must(err)
			defer func() { _ = sub.Unsubscribe() }()
			r.must(r.nc.Flush())
			polite := order("polite", "30001")
			polite.WhenIdle, polite.GraceUntil = true, time.Now().Add(c.grace)
			r.send(polite)
			if p := <-waits; p.Phase != messages.PhaseWait || p.WaitFor != messages.WaitCall {
				t.Errorf("progress %+v", p)
			}
			r.send(order("other", "30002"))
			r.awaitOne("other")
			if c.hangUp {
				if r.calls("30001") != 0 {
					t.Error("the call was cut off")
				}
				r.sim.SetAgent("30001", sim.Agent{SignedIn: true})
			}
			got := r.awaitOne("polite")
			if got.Outcome != messages.OutcomeSignedOut || got.Attempts != 1 || got.Redelivered {
				t.Errorf("result %+v", got)
			}
			want, conditions := messages.AgentOnCall, ""
			switch {
			case c.hangUp:
				want = messages.AgentIdle
			case name == "cannot tell, ends":
				want, conditions = messages.AgentUnknown, messages.ConditionsUnknown
			}
			if got.AgentState != want || got.Conditions != conditions {
				t.Errorf("agent state %q, conditions %q", got.AgentState, got.Conditions)
			}
			if at := r.sim.CallsTo("30001", sim.OpForceLogout)[0].Start; !c.hangUp && at.Before(polite.GraceUntil.Truncate(time.Millisecond)) {
				t.Errorf("called at %v, the grace is until %v", at, polite.GraceUntil)
			}
		})
	}
}

// TestConditionsAreFresh: between the question for the agent's state and the call, the
// agent has signed in again, has taken a call or has gone. What was told before the
// wait for a turn, or for an inspector, decides nothing.
func TestConditionsAreFresh(t *testing.T) {
	t.Parallel()
	waits := map[string]func(*worker.Config){
		"for a turn":       func(c *worker.Config) { c.Rate = 0.5 },
		"for an inspector": func(c *worker.Config) { c.Concurrency = 2 },
	}
	changes := map[string]struct {
		command func(*messages.Command)
		agent   sim.Agent
		outcome messages.Outcome
	}{
		"signed in again": {func(c *messages.Command) { c.SignedInBefore = time.Now() },
			sim.Agent{SignedIn: true, LoginAt: time.Now().Add(time.Hour)}, messages.OutcomeSuperseded},
		"took a call": {func(c *messages.Command) { c.WhenIdle, c.GraceUntil = true, time.Now().Add(time.Hour) },
			sim.Agent{SignedIn: true, OnCall: true}, ""},
		"has gone": {func(c *messages.Command) { c.SignedInBefore = time.Now() }, sim.Agent{}, messages.OutcomeAlreadySignedOut},
	}
	for wait, change := range waits {
		for name, c := range changes {
			t.Run(name+" while waiting "+wait, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.sim.SetAgent("30001", sim.Agent{SignedIn: true, LoginAt: time.Now().Add(-time.Hour)})
				r.sim.PlanState("30001", sim.Answer{Delay: 500 * time.Millisecond})
				w := r.start(change)
				if wait == "for a turn" {
					r.send(order("first", "30009")) // and then none for two seconds
					r.awaitOne("first")
				}
				command := order("a", "30001")
				c.command(&command)
				r.send(command)
				for w.Gauges().InFlight == 0 { // the question
					r.tick()
				}
				if wait == "for an inspector" {
					// More urgent, and the inspector's for two seconds.
					for i := range 2 {
						r.sim.Plan(agentNo(i+10), sim.Answer{Delay: 2 * time.Second})
						urgent := order("id-"+agentNo(i+10), agentNo(i+10))
						urgent.ExpiresAt = time.Now().Add(time.Minute)
						r.send(urgent)
					}
				}
				_, err := r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.Op == sim.OpAgentState })
				r.must(err)
				r.sim.SetAgent("30001", c.agent)
				if c.outcome == "" {
					for r.stateQueries("30001") < 2 {
						r.tick()
					}
					if r.calls("30001") != 0 {
						t.Error("the call was cut off")
					}
					r.sim.SetAgent("30001", sim.Agent{SignedIn: true})
					c.outcome = messages.OutcomeSignedOut
				}
				got := r.awaitOne("a")
				calls := 0
				if got.Outcome == messages.OutcomeSignedOut {
					calls = 1
				}
				if got.Outcome != c.outcome || got.Attempts != calls || r.calls("30001") != calls {
					t.Errorf("%d calls, result %+v", r.calls("30001"), got)
				}
			})
		}
	}
}

// TestWrapUp: after-call work is not cut off, for as long as the command says; without that
// it is. The worker in whose hands it began may be another one than the one that calls.
func TestWrapUp(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		wrapUp time.Duration
		idle   bool // they end it
		state  messages.AgentState
	}{
		"not said":     {0, false, messages.AgentWrapUp},
		"long enough":  {4 * time.Second, false, messages.AgentWrapUp},
		"ended before": {time.Hour, true, messages.AgentIdle},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			began := time.Now()
			r.sim.SetAgent("30001", sim.Agent{SignedIn: true, WrapUp: true})
			first := r.start(nil)
			command := order("a", "30001")
			command.WhenIdle, command.GraceUntil, command.WrapUp = true, time.Now().Add(time.Hour), messages.Duration(c.wrapUp)
			r.send(command)
			if c.wrapUp > 0 {
				for r.streamState("PARKED").Msgs == 0 { // until it was handed back
					r.tick()
				}
				first.stop()
				r.start(nil)
			}
			if c.idle {
				r.sim.SetAgent("30001", sim.Agent{SignedIn: true})
			}
			got := r.awaitOne("a")
			if got.Outcome != messages.OutcomeSignedOut || got.Attempts != 1 || r.calls("30001") != 1 || got.AgentState != c.state || got.Conditions != "" {
				t.Errorf("%d calls, result %+v", r.calls("30001"), got)
			}
			if at := r.sim.CallsTo("30001", sim.OpForceLogout)[0].Start; !c.idle && at.Before(began.Add(c.wrapUp)) {
				t.Errorf("called %v after it began", at.Sub(began))
			}
		})
	}
}

// TestGraceByDefault: the workers' setting lets agents on a call end it; a command that asks
// for less has less.
func TestGraceByDefault(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, agent := range []string{"30001", "30002"} {
		r.sim.SetAgent(agent, sim.Agent{SignedIn: true, OnCall: true})
	}
	r.start(func(c *worker.Config) { c.Grace = worker.Grace{For: time.Hour} })
	urgent := order("urgent", "30002")
	urgent.WhenIdle, urgent.GraceUntil = true, time.Now()
	r.send(order("plain", "30001"), urgent)
	if got := r.awaitOne("urgent"); got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("result %+v", got)
	}
	for r.stateQueries("30001") == 0 {
		r.tick()
	}
	if n := r.calls("30001"); n != 0 {
		t.Error("the call was cut off")
	}
	r.sim.SetAgent("30001", sim.Agent{SignedIn: true})
	if got := r.awaitOne("plain"); got.Outcome != messages.OutcomeSignedOut || got.AgentState != messages.AgentIdle {
		t.Errorf("result %+v", got)
	}
}
