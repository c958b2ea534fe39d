package worker_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// keeps makes a worker sign the inspector in by itself.
func keeps(name string, more ...func(*worker.Config)) func(*worker.Config) {
	return func(c *worker.Config) {
		c.Instance = name
		c.Inspectors = []session.Account{{Inspector: inspector, Password: password}}
		c.Retry.MaxAttempts = 1
		for _, change := range more {
			change(c)
		}
	}
}

// briefly makes the keeper's lease short, so that a takeover is not waited for.
func briefly(c *worker.Config) { c.Session.Lease = 2 * time.Second }

// ready waits until a worker can make calls.
func (r *rig) ready(workers ...running) {
	r.Helper()
	for _, w := range workers {
		for w.Ready() != nil {
			if r.ctx.Err() != nil {
				r.Fatal(w.Ready())
			}
			r.tick()
		}
	}
}

// unready waits until a worker says why it can make none, in these words.
func (r *rig) unready(w running, words string) {
	r.Helper()
	for err := w.Ready(); err == nil || !strings.Contains(err.Error(), words); err = w.Ready() {
		if r.ctx.Err() != nil {
			r.Fatalf("ready says %v, want %q", err, words)
		}
		r.tick()
	}
}

// ops counts the gateway's calls of some operations.
func (r *rig) ops(ops ...string) (n int) {
	for _, call := range r.sim.Calls() {
		for _, op := range ops {
			if call.Op == op {
				n++
			}
		}
	}
	return n
}

func (r *rig) signIns() int { return r.ops(sim.OpSignIn, sim.OpForceSignIn, sim.OpPlatformSignIn) }

// crew is commands for n agents, from the first on.
func crew(first, n int) []messages.Command {
	orders := make([]messages.Command, n)
	for i := range orders {
		orders[i] = order("id-"+agentNo(first+i), agentNo(first+i))
	}
	return orders
}

// allSignedOut waits for the results of n commands.
func (r *rig) allSignedOut(n int) {
	r.Helper()
	for id, got := range r.await(n) {
		if got.Outcome != messages.OutcomeSignedOut {
			r.Errorf("%s: result %+v", id, got)
		}
	}
}

// shelf is what the sessions bucket holds of the inspector.
func (r *rig) shelf() (record struct{ GUID, Keeper, SignedInBy, Problem string }, text string) {
	r.Helper()
	kv, err := r.js.KeyValue(r.ctx, streams.NamesOf(prefix).Sessions)
	r.must(err)
	entry, err := kv.Get(r.ctx, vcc+"."+inspector)
	r.must(err)
	r.must(json.Unmarshal(entry.Value(), &record))
	return record, string(entry.Value())
}

// onePoller makes sure that the gateway never saw two keepers at a time.
func (r *rig) onePoller() {
	r.Helper()
	var last sim.Call
	for _, call := range r.sim.Calls() {
		if call.Op != sim.OpPoll {
			continue
		}
		// Of an abandoned one the gateway learns late.
		if call.Start.Before(last.End) && !last.Abandoned {
			r.Errorf("two polls at a time: %v-%v and %v-%v", last.Start, last.End, call.Start, call.End)
		}
		last = call
	}
}

// TestSignIn: a password is all that the worker needs, however the gateway gives
// the session away. A clean shutdown signs out.
func TestSignIn(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		gateway sim.Config
		account session.Account
		op      string
	}{
		"plain, sticky":  {sim.Config{Sticky: true}, session.Account{Phone: "70001"}, sim.OpSignIn},
		"platform":       {sim.Config{GUIDForm: sim.FormGUID}, session.Account{Platform: true}, sim.OpPlatformSignIn},
		"GUID in cookie": {sim.Config{GUIDForm: sim.FormCookie}, session.Account{Phone: "70001"}, sim.OpSignIn},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, c.gateway)
			r.sim.SetAccount(inspector, sim.Account{Password: password, NeedsPhone: true})
			c.account.Inspector, c.account.Password = inspector, password
			w := r.start(keeps("w", func(cfg *worker.Config) { cfg.Inspectors = []session.Account{c.account} }))
			r.send(crew(0, 20)...)
			r.allSignedOut(20)
			record, text := r.shelf()
			if record.GUID != r.sim.SessionGUID(inspector) || record.Keeper != "w" || strings.Contains(text, password) {
				t.Errorf("the bucket holds %s", text)
			}
			w.stop()
			if r.ops(c.op) != 1 || r.signIns() != 1 || r.ops(sim.OpSignOut) != 1 || r.sim.SessionGUID(inspector) != "" {
				t.Errorf("%d sign-ins, %d sign-outs", r.signIns(), r.ops(sim.OpSignOut))
			}
			if record, text := r.shelf(); record.GUID != "" || record.Keeper != "" {
				t.Errorf("after the shutdown the bucket holds %s", text)
			}
		})
	}
}

// TestSharedSession: three workers use one session. The keeper goes, another goes
// on with the same GUID, and nobody signs the inspector out who is needed.
func TestSharedSession(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{})
	crewed := map[string]running{}
	for _, name := range []string{"a", "b", "c"} {
		crewed[name] = r.start(keeps(name))
	}
	r.ready(crewed["a"], crewed["b"], crewed["c"])
	session := r.sim.SessionGUID(inspector)
	r.send(crew(0, 100)...)
	r.allSignedOut(100)
	for left := 100; len(crewed) > 1; left += 100 {
		record, _ := r.shelf()
		crewed[record.Keeper].stop()
		delete(crewed, record.Keeper)
		r.send(crew(left, 100)...)
		r.allSignedOut(left + 100)
	}
	if r.signIns() != 1 || r.ops(sim.OpSignOut) != 0 || r.sim.SessionGUID(inspector) != session {
		t.Errorf("%d sign-ins, %d sign-outs", r.signIns(), r.ops(sim.OpSignOut))
	}
	r.onePoller()
}

// TestGatewayRestart: the gateway forgets all sessions in the middle of a burst.
// There is one renewal, and no command fails or loses its only attempt.
func TestGatewayRestart(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{})
	r.sim.SetFaults(sim.Faults{Latency: 10 * time.Millisecond})
	a, b := r.start(keeps("a")), r.start(keeps("b"))
	r.ready(a, b)
	const commands = 400
	r.send(crew(0, commands)...)
	_, err := r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.Effect && c.Seq > 100 })
	r.must(err)
	r.sim.Restart()
	r.allSignedOut(commands)
	if n := r.signIns(); n != 2 {
		t.Errorf("%d sign-ins, want one for each session", n)
	}
	r.onePoller()
}

// TestLostAnswerAtSignIn: the gateway has signed the inspector in and the answer
// is lost. The worker waits for the orphan to end, and evicts nobody.
func TestLostAnswerAtSignIn(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{SessionTimeout: 300 * time.Millisecond})
	r.sim.PlanSession(inspector, sim.OpSignIn, sim.Answer{Fault: sim.FaultAnswerLost})
	r.start(keeps("w", hasty))
	r.send(crew(0, 1)...)
	r.allSignedOut(1)
	if n := r.ops(sim.OpForceSignIn); n != 0 {
		t.Errorf("%d forced sign-ins", n)
	}
}

// TestRotation: AUTHMODE 2 under 64 concurrent calls, with a new GUID at each
// poll. No command fails, in the worker that polls nor in another.
func TestRotation(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{
		Rotate: true, OldGUIDServes: true, GUIDInterval: time.Nanosecond, GUIDTimeout: 3 * time.Second, PollWait: 20 * time.Millisecond,
	})
	r.sim.SetFaults(sim.Faults{Latency: 100 * time.Millisecond})
	wide := func(c *worker.Config) { c.Concurrency = 64 }
	a, b := r.start(keeps("a", wide)), r.start(keeps("b", wide))
	r.ready(a, b)
	const commands = 2000
	r.send(crew(0, commands)...)
	r.allSignedOut(commands)
	guids := map[string]bool{}
	for _, call := range r.sim.Calls() {
		if call.Op == sim.OpForceLogout {
			guids[call.GUID] = true
			if call.Retcode != "0" {
				t.Errorf("call %+v", call)
			}
		}
	}
	if r.signIns() != 1 || len(guids) < 3 || r.sim.MaxInFlight() < 100 {
		t.Errorf("%d sign-ins, %d GUIDs, %d calls at once", r.signIns(), len(guids), r.sim.MaxInFlight())
	}
}

// TestEvicted: an event says that the inspector was signed out elsewhere. That
// ends the session at once, before any call meets it. Without leave to force, the
// worker waits for the other to go.
func TestEvicted(t *testing.T) {
	t.Parallel()
	for _, force := range []bool{false, true} {
		t.Run(fmt.Sprintf("force=%v", force), func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, sim.Config{})
			w := r.start(keeps("w", hasty, func(c *worker.Config) { c.Inspectors[0].Force = force }))
			r.ready(w)
			r.must(r.sim.AwaitPoll(r.ctx, inspector))
			r.sim.GiveSession(inspector, guid)
			if !force {
				r.unready(w, "somebody else is signed in as this inspector: end that session, or use --force-sign-in")
				if r.ops(sim.OpForceSignIn) != 0 || r.sim.SessionGUID(inspector) != guid {
					t.Error("the other was evicted")
				}
				r.sim.EndSession(inspector)
			}
			r.send(crew(0, 10)...)
			r.allSignedOut(10)
			if want := map[bool]int{true: 1}[force]; r.ops(sim.OpForceSignIn) != want {
				t.Errorf("%d forced sign-ins, want %d", r.ops(sim.OpForceSignIn), want)
			}
		})
	}
}

// TestLeftSession: all workers died. The next uses the session that they left, if
// the gateway still takes it, and else signs in once.
func TestLeftSession(t *testing.T) {
	t.Parallel()
	for _, good := range []bool{true, false} {
		t.Run(fmt.Sprintf("good=%v", good), func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, sim.Config{})
			if good {
				r.sim.GiveSession(inspector, guid)
			}
			kv, err := r.js.KeyValue(r.ctx, streams.NamesOf(prefix).Sessions)
			r.must(err)
			_, err = kv.PutString(r.ctx, vcc+"."+inspector, `{"guid":"`+guid+`","signedInBy":"dead","keeper":"dead","lease":"x"}`)
			r.must(err)
			w := r.start(keeps("w", briefly))
			r.send(crew(0, 20)...)
			r.allSignedOut(20)
			w.stop()
			signIns, signOuts := 0, 0 // of a session that another worker signed in
			if !good {
				signIns, signOuts = 1, 1
			}
			if r.signIns() != signIns || r.ops(sim.OpSignOut) != signOuts {
				t.Errorf("%d sign-ins, %d sign-outs, want %d and %d", r.signIns(), r.ops(sim.OpSignOut), signIns, signOuts)
			}
		})
	}
}

// TestKeptAlive: polls keep the session for minutes, on a clock that runs sixty
// times faster, and with AUTHMODE 2.
func TestKeptAlive(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	clock := func() time.Time { return begin.Add(60 * time.Since(begin)) }
	r := newRigWith(t, sim.Config{Now: clock, PollWait: 100 * time.Millisecond, Rotate: true})
	a, b := r.start(keeps("a")), r.start(keeps("b"))
	r.ready(a, b)
	_, err := r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.Op == sim.OpPoll && c.Start.After(begin.Add(6*time.Minute)) })
	r.must(err)
	r.send(crew(0, 50)...)
	r.allSignedOut(50)
	if r.signIns() != 1 || len(r.by("0")) != 1 || r.sim.SessionGUID(inspector) == r.sim.Calls()[1].GUID {
		t.Errorf("%d sign-ins, GUID rotated: %v", r.signIns(), r.sim.SessionGUID(inspector) != r.sim.Calls()[1].GUID)
	}
}
