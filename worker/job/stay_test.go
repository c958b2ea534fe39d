package job

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// TestReturned: who has signed in after their sign-out is back; who never left is not; and
// where nobody can see, nothing is said.
func TestReturned(t *testing.T) {
	t.Parallel()
	in30 := start.Add(30 * time.Second)
	yes, no := true, false
	for name, c := range map[string]struct {
		state     gateway.State
		class     retcode.Class
		returned  *bool
		confirmed *bool
	}{
		"out":                   {state: gateway.State{Presence: gateway.PresenceSignedOut}, returned: &no},
		"back":                  {state: gateway.State{Presence: gateway.PresenceSignedIn, SignedInAt: start.Add(time.Second)}, returned: &yes},
		"back, at a time":       {state: gateway.State{Presence: gateway.PresenceSignedIn}, returned: &yes},
		"never left":            {state: gateway.State{Presence: gateway.PresenceSignedIn, SignedInAt: start.Add(-time.Hour)}, confirmed: &no},
		"the gateway's no":      {class: retcode.Permanent},
		"the gateway's nothing": {},
	} {
		j := in(stays, used(1))
		j.Inspector = "1001"
		if step := Decide(j, answer(retcode.Success, NoHint), policy(), start); step.Do != Keep {
			t.Fatalf("%s: %+v", name, step)
		}
		next := fresh()
		next.Command, next.Delivery = j.Command, 2
		next.Resume(j.Note(7, 1), 1, 7, classifier(t, nil))
		step := Decide(next, Seen{What: Told, State: c.state, Inspector: "1002", Verdict: Verdict{Class: c.class}}, policy(), in30)
		if step.Do != End || step.Ending.Outcome() != messages.OutcomeSignedOut || next.Inspector != "1001" {
			t.Errorf("%s: %+v by %s", name, step, next.Inspector)
		}
		for what, pair := range map[string][2]*bool{"returned": {next.Returned, c.returned}, "confirmed": {next.Confirmed, c.confirmed}} {
			if got, want := pair[0], pair[1]; (got == nil) != (want == nil) || got != nil && *got != *want {
				t.Errorf("%s: %s %v", name, what, got)
			}
		}
	}
}

// TestOutEndsByItself: what ends a command without a delivery, at its expiry or withdrawal,
// does not deny the sign-out.
func TestOutEndsByItself(t *testing.T) {
	t.Parallel()
	j := in(out(0), withdrawn)
	if got := j.Lapsed(); got.Outcome() != messages.OutcomeSignedOut {
		t.Errorf("expired: %+v", got)
	}
	if got, ok := j.Withdrawn(); !ok || got.Outcome() != messages.OutcomeSignedOut {
		t.Errorf("withdrawn: %+v", got)
	}
}

// TestOutIsTakenUp: whoever finds the note of a sign-out makes no call, whatever delivery
// wrote it.
func TestOutIsTakenUp(t *testing.T) {
	t.Parallel()
	for delivery := range uint64(3) {
		first := in(out(0))
		j := in(stays)
		j.Delivery = delivery + 1
		if err := j.TakeUp("this", first.Note(7, 0), 1, 7); err != nil {
			t.Errorf("delivery %d: %v", j.Delivery, err)
		}
		if step := Decide(j, Seen{What: Secured, Delivery: j.Delivery}, policy(), start); step.Do != Yield || step.For != ForStayOut {
			t.Errorf("delivery %d: %+v", j.Delivery, step)
		}
	}
}
