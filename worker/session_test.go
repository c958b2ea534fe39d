package worker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// TestWhoMayAct: a command that names an inspector is that inspector's alone, and
// an inspector never signs itself out. Neither reaches the gateway. An inspector whom
// no worker knows is final only after the time that replacing workers may take.
func TestWhoMayAct(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	named, other, itself, late := order("named", "30001"), order("other", "30002"), order("itself", inspector), order("late", inspector)
	named.Inspector = inspector
	other.Inspector = "1002"
	late.ExpiresAt = time.Now().Add(-time.Second)
	r.send(named, other, itself, late)
	results := r.await(4)
	want := map[string]struct {
		outcome messages.Outcome
		cause   messages.Cause
	}{
		"named":  {messages.OutcomeSignedOut, ""},
		"other":  {messages.OutcomeFailed, messages.CauseNoSession},
		"itself": {messages.OutcomeFailed, messages.CauseRefused},
		"late":   {messages.OutcomeExpired, messages.CauseExpiredBeforeAttempt},
	}
	for id, w := range want {
		if got := results[id]; got.Outcome != w.outcome || got.Cause != w.cause {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	if calls := r.sim.Calls(); len(calls) != 1 || calls[0].WorkNo != "30001" {
		t.Errorf("the gateway saw %+v, want one call for 30001", calls)
	}
}

// TestInspectorOfANewWorker: while workers are replaced, a command names an inspector
// whom only the new ones know. The old one leaves it to them.
func TestInspectorOfANewWorker(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old := r.start(func(c *worker.Config) { c.Instance = "old" })
	named := order("named", "30001")
	named.Inspector = "1002"
	r.send(named)
	r.awaitNote("named")
	r.start(r.team(2, func(c *worker.Config) { c.Instance = "new" }))
	old.stop()
	if got := r.awaitOne("named"); got.Outcome != messages.OutcomeSignedOut || got.Inspector != "1002" || got.Attempts != 1 {
		t.Errorf("result %+v", got)
	}
}

// TestGUIDFileRenewed: an answer about the session reads the file again, and the
// commands in flight go on without having lost an attempt.
func TestGUIDFileRenewed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file := filepath.Join(t.TempDir(), "guid")
	const stale = "99999999-2222-4333-8444-555555555555.AgentGateway1"
	r.must(os.WriteFile(file, []byte(stale+"\n"), 0o600))
	r.start(func(c *worker.Config) {
		c.Inspectors = []session.Account{{Inspector: inspector, GUIDFile: file}}
		c.Retry.MaxAttempts = 1
	})
	r.must(os.WriteFile(file, []byte(guid+"\n"), 0o600))
	const commands = 20
	var orders []messages.Command
	for i := range commands {
		orders = append(orders, order("id-"+agentNo(i), agentNo(i)))
	}
	r.send(orders...)
	for id, got := range r.await(commands) {
		if got.Outcome != messages.OutcomeSignedOut || got.Inspector != inspector {
			t.Errorf("%s: result %+v", id, got)
		}
	}
}

// TestSessionGone: an answer about the session is never taken for one about the
// agent. Commands wait for a session that somebody else has to renew, lose no attempt,
// and expire on time; readiness says what is wrong.
func TestSessionGone(t *testing.T) {
	t.Parallel()
	for _, asked := range []bool{true, false} {
		t.Run(fmt.Sprintf("own state offered: %v", asked), func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, sim.Config{NoOwnState: !asked})
			r.sim.GiveSession(inspector, guid)
			r.sim.EndSession(inspector)
			w := r.start(func(c *worker.Config) { c.Retry.MaxAttempts = 1 })
			r.must(w.Ready())
			late := order("late", "30099")
			late.ExpiresAt = time.Now().Add(8 * time.Second)
			r.send(append(crew(0, 50), late)...)
			r.unready(w, "the source of the GUID still holds the refused one")
			if got := r.awaitOne("late"); got.Outcome != messages.OutcomeExpired {
				t.Errorf("result %+v", got)
			}
			// Where nothing can be asked, single calls try the session.
			if n := r.ops(sim.OpForceLogout); n > 20 {
				t.Errorf("%d calls with a dead session", n)
			}
			r.sim.GiveSession(inspector, guid)
			for id, got := range r.await(51) {
				if id != "late" && got.Outcome != messages.OutcomeSignedOut {
					t.Errorf("%s: result %+v", id, got)
				}
			}
			r.ready(w)
		})
	}
}

// TestGUIDFileLate: a program signs in again and writes the new GUID a second later.
// Nothing that is in flight is lost, and what it wrote is used with its cookie.
func TestGUIDFileLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file := filepath.Join(t.TempDir(), "guid")
	r.must(os.WriteFile(file, []byte("\xef\xbb\xbf"+guid+"\r\n"), 0o600))
	r.sim.SetFaults(sim.Faults{Latency: 20 * time.Millisecond})
	w := r.start(func(c *worker.Config) {
		c.Inspectors = []session.Account{{Inspector: inspector, GUIDFile: file}}
		c.Concurrency, c.Retry.MaxAttempts = 32, 1
	})
	r.ready(w)
	const next = "22222222-2222-4333-8444-555555555555.AgentGateway2"
	r.send(crew(0, 500)...)
	r.must(r.sim.AwaitInFlight(r.ctx, 8))
	r.sim.GiveSession(inspector, next)
	time.Sleep(time.Second)
	r.must(os.WriteFile(file, []byte(`{"guid":"`+next+`","cookie":"route=n2"}`), 0o600))
	r.allSignedOut(500)
	for _, call := range r.sim.CallsTo(agentNo(499), sim.OpForceLogout) {
		if call.GUID == next && call.Cookie != "route=n2" {
			t.Errorf("call %+v", call)
		}
	}
}

// TestSessionFromBucket: another program writes the GUID into the bucket, as text
// or as JSON, and a new one when the gateway has forgotten the first.
func TestSessionFromBucket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(func(c *worker.Config) {
		c.Inspectors = []session.Account{{Inspector: inspector, Shared: true}}
		c.Retry.MaxAttempts = 1
	})
	r.unready(w, "holds no GUID under default.1001")
	kv, err := r.js.KeyValue(r.ctx, streams.NamesOf(prefix).Sessions)
	r.must(err)
	put := func(value string) {
		t.Helper()
		_, err := kv.PutString(r.ctx, vcc+"."+inspector, value)
		r.must(err)
	}
	put("not a GUID\nat all")
	r.unready(w, "what the bucket holds is no session")
	put(guid + "\n")
	r.ready(w)
	r.send(crew(0, 10)...)
	r.allSignedOut(10)

	const next = "22222222-2222-4333-8444-555555555555.AgentGateway2"
	r.sim.GiveSession(inspector, next)
	r.send(crew(10, 10)...)
	r.unready(w, "session")
	put(`{"guid":"` + next + `"}`)
	r.allSignedOut(20)
	if n := r.signIns() + r.ops(sim.OpSignOut); n != 0 {
		t.Errorf("%d sign-ins and sign-outs of somebody else's session", n)
	}
	r.ready(w)
	r.must(kv.Delete(r.ctx, vcc+"."+inspector))
	r.unready(w, "holds no GUID")
}

// TestGUIDFileWatched: a new GUID in the file is used without a refusal of the old.
func TestGUIDFileWatched(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file := filepath.Join(t.TempDir(), "guid")
	r.must(os.WriteFile(file, []byte(guid), 0o600))
	r.start(func(c *worker.Config) { c.Inspectors = []session.Account{{Inspector: inspector, GUIDFile: file}} })
	const next = "22222222-2222-4333-8444-555555555555.AgentGateway2"
	r.must(os.WriteFile(file, []byte(next), 0o600))
	used := func(c sim.Call) bool { return c.GUID == next }
	for n := 0; !slices.ContainsFunc(r.sim.Calls(), used); n++ {
		r.send(crew(n, 1)...)
		_, err := r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.WorkNo == agentNo(n) })
		r.must(err)
		r.tick()
	}
	for _, call := range r.sim.Calls() {
		if call.GUID == guid && call.Retcode != "0" {
			t.Errorf("call %+v", call)
		}
	}
}
