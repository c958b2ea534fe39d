package job

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// TestAgentState: a result tells the state before the call, and not what the call made of
// it; and whether a condition is open, over a hand-back as well.
func TestAgentState(t *testing.T) {
	t.Parallel()
	signedIn := func(doing gateway.Activity, at time.Time) gateway.State {
		return gateway.State{Presence: gateway.PresenceSignedIn, Doing: doing, SignedInAt: at}
	}
	long := start.Add(-8 * time.Hour)
	lost := answer(retcode.Transient, WholeGateway)
	lost.Answer = gateway.Answer{}
	for name, c := range map[string]struct {
		job     *Job
		states  []gateway.State
		call    bool // without an answer, after the first state
		want    messages.AgentState
		unasked bool
	}{
		"idle":                    {job: in(before), states: []gateway.State{signedIn(gateway.Idle, long)}, want: messages.AgentIdle},
		"no sign-in time":         {job: in(before), states: []gateway.State{signedIn(gateway.Busy, time.Time{})}, want: messages.AgentBusy, unasked: true},
		"no answer":               {job: in(polite), states: []gateway.State{{}}, want: messages.AgentUnknown, unasked: true},
		"no answer, then one":     {job: in(polite), states: []gateway.State{{}, signedIn(gateway.OnCall, long)}, want: messages.AgentOnCall},
		"one, then no answer":     {job: in(polite), states: []gateway.State{signedIn(gateway.OnCall, long), {}}, want: messages.AgentOnCall, unasked: true},
		"out":                     {job: in(before), states: []gateway.State{{Presence: gateway.PresenceSignedOut}}, want: messages.AgentSignedOut},
		"out after a call":        {job: in(before), states: []gateway.State{signedIn(gateway.WrapUp, long), {Presence: gateway.PresenceSignedOut}}, call: true, want: messages.AgentWrapUp},
		"still in after a call":   {job: in(before), states: []gateway.State{signedIn(gateway.OnCall, long), signedIn(gateway.Resting, long)}, call: true, want: messages.AgentResting},
		"nobody asked, a call":    {job: fresh(), call: true},
		"no condition, no answer": {job: in(possible), states: []gateway.State{{}}},
	} {
		j := c.job
		now := start
		for i, state := range c.states {
			if i == 1 && c.call {
				j.Began("1001", now)
				Decide(j, lost, policy(), now)
			}
			now = now.Add(time.Minute)
			Decide(j, Seen{What: Told, State: state, Verdict: Verdict{Class: retcode.Success}}, policy(), now)
		}
		next := fresh()
		next.Resume(j.Note(7, 1), 1, 7, classifier(t, nil))
		for _, j := range []*Job{j, next} {
			if j.AgentState != c.want || j.Unasked != c.unasked {
				t.Errorf("%s: %q, unasked %t", name, j.AgentState, j.Unasked)
			}
		}
	}
}
