package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
)

// team gives the worker inspectors 1001 to 100n.
func (r *rig) team(n int, more ...func(*worker.Config)) func(*worker.Config) {
	return func(c *worker.Config) {
		c.Inspectors = nil
		for i := range n {
			no := fmt.Sprint(1001 + i)
			r.sim.GiveSession(no, guid)
			c.Inspectors = append(c.Inspectors, session.Account{Inspector: no, GUID: guid})
		}
		for _, change := range more {
			change(c)
		}
	}
}

// by counts the force-logout calls of each inspector that had a retcode.
func (r *rig) by(retcode string) map[string]int {
	counts := map[string]int{}
	for _, call := range r.sim.Calls() {
		if call.Op == sim.OpForceLogout && call.Retcode == retcode {
			counts[call.Inspector]++
		}
	}
	return counts
}

// TestSpread: calls go to the inspector with the least in flight.
func TestSpread(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	release := r.sim.Hold()
	r.start(r.team(3, func(c *worker.Config) { c.Concurrency = 12 }))
	r.send(crew(0, 12)...)
	r.must(r.sim.AwaitInFlight(r.ctx, 12))
	release()
	r.allSignedOut(12)
	for no, calls := range r.by("0") {
		if calls != 4 {
			t.Errorf("inspector %s made %d of 12 calls, want 4", no, calls)
		}
	}
}

// TestNotByItself: an inspector who is to go is signed out by another, and a
// command that names an inspector is that one's alone.
func TestNotByItself(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(r.team(2))
	first, named := order("first", "1001"), order("named", "30001")
	named.Inspector = "1002"
	r.send(named)
	r.awaitOne("named")
	r.send(first)
	for id, got := range r.await(2) {
		if got.Outcome != messages.OutcomeSignedOut || got.Inspector != "1002" {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	if n := len(r.by("000-005")); n != 0 {
		t.Errorf("%d calls for the caller itself", n)
	}
}

// TestWithoutRight: an inspector whose calls are all answered 900-002 is taken out
// of use while the others go on; no command fails for it.
func TestWithoutRight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(r.team(2, func(c *worker.Config) { c.Concurrency = 4 }))
	r.sim.Forbid("1001", true)
	const commands = 1000
	r.send(crew(0, commands)...)
	r.allSignedOut(commands)
	if refused := r.by("900-002")["1001"]; refused == 0 || refused > commands/5 {
		t.Errorf("%d calls were refused for want of a right, want a few", refused)
	}
	if err := w.Degraded(); err == nil || !strings.Contains(err.Error(), "1001") || !strings.Contains(err.Error(), "900-002") {
		t.Errorf("degraded says %v", err)
	}
	if err := w.Ready(); err != nil {
		t.Errorf("ready says %v", err)
	}
	r.sim.Forbid("1001", false)
	for n := commands; w.Degraded() != nil; n++ {
		r.send(crew(n, 1)...)
		r.awaitOne("id-" + agentNo(n))
	}
}

// TestTooFast: 000-007 halves how many calls an inspector has in flight.
func TestTooFast(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 16 {
		r.sim.Plan(agentNo(i), sim.Answer{Retcode: "000-007", Delay: 20 * time.Millisecond})
	}
	r.start(func(c *worker.Config) { c.Concurrency = 16 })
	r.send(crew(0, 16)...)
	r.allSignedOut(16)
	release := r.sim.Hold()
	r.send(crew(16, 32)...)
	// One call a second more: nine, if this machine is slow.
	r.must(r.sim.AwaitInFlight(r.ctx, 8))
	release()
	before := len(r.sim.Calls())
	r.allSignedOut(48)
	most := 0
	for i, call := range r.sim.Calls()[before:] {
		overlap := 0
		for _, other := range r.sim.Calls()[before : before+i] {
			if other.End.After(call.Start) {
				overlap++
			}
		}
		most = max(most, overlap+1)
	}
	if most > 12 {
		t.Errorf("%d calls at once after 000-007 at 16", most)
	}
}

// TestConfirm: what is reported is what was seen.
func TestConfirm(t *testing.T) {
	t.Parallel()
	stays := sim.Answer{HTTPStatus: 200, Body: []byte(`{"retcode":"0","message":"","result":{}}`)}
	yes, no := true, false
	cases := map[string]struct {
		gateway   sim.Config
		prepare   func(*rig)
		outcome   messages.Outcome
		confirmed *bool
		calls     int
	}{
		"seen at once": {outcome: messages.OutcomeSignedOut, confirmed: &yes, calls: 1},
		"seen later":   {gateway: sim.Config{EffectDelay: time.Second}, outcome: messages.OutcomeSignedOut, confirmed: &yes, calls: 1},
		"stays, goes":  {prepare: func(r *rig) { r.sim.Plan("30001", stays) }, outcome: messages.OutcomeSignedOut, confirmed: &yes, calls: 2},
		"cannot be seen": {prepare: func(r *rig) {
			for range 20 {
				r.sim.PlanState("30001", sim.Answer{Retcode: "300-001"})
			}
		}, outcome: messages.OutcomeSignedOut, confirmed: &no, calls: 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, c.gateway)
			r.sim.GiveSession(inspector, guid)
			if c.prepare != nil {
				c.prepare(r)
			}
			r.start(func(c *worker.Config) { c.Confirm = true })
			r.send(order("a", "30001"))
			got := r.awaitOne("a")
			if got.Outcome != c.outcome || got.Confirmed == nil || *got.Confirmed != *c.confirmed || r.calls("30001") != c.calls {
				t.Errorf("%d calls, result %+v", r.calls("30001"), got)
			}
		})
	}
}

// TestConfirmByEvent: the keeper hears of the sign-out from its poll and has no
// need to ask.
func TestConfirmByEvent(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{})
	w := r.start(keeps("w", func(c *worker.Config) { c.Confirm = true }))
	r.ready(w)
	r.must(r.sim.AwaitPoll(r.ctx, inspector))
	r.send(order("a", "30001"))
	if got := r.awaitOne("a"); got.Confirmed == nil || !*got.Confirmed || r.stateQueries("30001") != 0 {
		t.Errorf("%d state queries, result %+v", r.stateQueries("30001"), got)
	}
}

// TestConfirmTakesNoSlot: with one slot, commands that wait for their
// confirmation keep no other from being called.
func TestConfirmTakesNoSlot(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{EffectDelay: time.Hour})
	r.sim.GiveSession(inspector, guid)
	r.start(func(c *worker.Config) { c.Confirm, c.Concurrency = true, 1 })
	r.send(crew(0, 10)...)
	for i := range 10 {
		_, err := r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.WorkNo == agentNo(i) && c.Op == sim.OpForceLogout })
		r.must(err)
	}
	if n := r.streamState("RESULTS").Msgs; n != 0 {
		t.Errorf("%d results, though no sign-out has taken effect", n)
	}
}
