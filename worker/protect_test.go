package worker_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/protect"
)

// TestProtected: a protected agent is not called for, whoever asks, whatever the command
// says; and who is protected when the call is due counts, not who was before.
func TestProtected(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "protected")
	write := func(text string) {
		// As an editor does it, so that no half file is read.
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write("30002 # night desk\n30003\n")
	list, err := protect.NewList([]string{"30001"}, []string{file})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	w := r.start(func(c *worker.Config) { c.Protected = list })

	later := order("later", "30004")
	later.NotBefore = time.Now().Add(4 * time.Second)
	freed := order("freed", "30003")
	freed.NotBefore = later.NotBefore
	r.send(later, freed)
	polite := order("polite", "30002")
	polite.WhenIdle, polite.GraceUntil = true, time.Now().Add(time.Minute)
	by := order("by", "30001")
	by.Inspector = inspector
	r.send(order("named", "30001"), polite, by)
	r.publish(nil, encoded(t, order("foreign", "30002"))) // without an id of its own
	for _, id := range []string{"named", "polite", "by", "foreign"} {
		if got := r.awaitOne(id); got.Outcome != messages.OutcomeFailed || got.Cause != messages.CauseProtected || got.Attempts != 0 || got.Error == "" {
			t.Errorf("result %+v", got)
		}
	}
	write("30002\n30004\n")
	if got := r.awaitOne("later"); got.Cause != messages.CauseProtected {
		t.Errorf("protected before the call: %+v", got)
	}
	if got := r.awaitOne("freed"); got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("not protected any more: %+v", got)
	}
	write("night desk: 30002")
	for w.Ready() == nil { // until it says that it cannot read that
		r.tick()
	}
	r.send(order("mistake", "30002"))
	if got := r.awaitOne("mistake"); got.Cause != messages.CauseProtected {
		t.Errorf("the last list that could be read counts: %+v", got)
	}
	for _, agent := range []string{"30001", "30002", "30004"} {
		if n := r.calls(agent); n != 0 {
			t.Errorf("%d calls for %s", n, agent)
		}
	}
}

// TestProtectedWhileItWaits: an agent is protected while the call waits for its turn.
func TestProtectedWhileItWaits(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "protected")
	if err := os.WriteFile(file, []byte("30009"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := protect.NewList(nil, []string{file})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.start(func(c *worker.Config) { c.Protected, c.Rate = list, 0.25 })
	r.send(order("first", "30001")) // and then none for four seconds
	r.awaitOne("first")
	r.send(order("a", "30002"))
	if err := os.WriteFile(file, []byte("30009 30002"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := r.awaitOne("a"); got.Cause != messages.CauseProtected || r.calls("30002") != 0 {
		t.Errorf("%d calls, %+v", r.calls("30002"), got)
	}
}

// TestProtectedAfterACall: a call has lost its answer, and then the agent is protected. The
// result tells the truth, and no other call is made.
func TestProtectedAfterACall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault   sim.Fault
		outcome messages.Outcome
		cause   messages.Cause
	}{
		"it worked":  {sim.FaultAnswerLost, messages.OutcomeAlreadySignedOut, ""},
		"it did not": {sim.FaultReset, messages.OutcomeFailed, messages.CauseProtected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "protected")
			if err := os.WriteFile(file, []byte("30009"), 0o600); err != nil {
				t.Fatal(err)
			}
			list, err := protect.NewList(nil, []string{file})
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t)
			r.sim.Plan("30001", sim.Answer{Fault: c.fault})
			r.start(func(cfg *worker.Config) {
				cfg.Protected, cfg.CallTimeout = list, 3*time.Second
				cfg.Retry = worker.Retry{MaxAttempts: 4, Initial: 4 * time.Second, Max: 4 * time.Second}
			})
			r.send(order("a", "30001"))
			_, err = r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.Op == sim.OpForceLogout })
			r.must(err)
			r.must(os.WriteFile(file, []byte("30009 30001"), 0o600))
			got := r.awaitOne("a")
			if got.Outcome != c.outcome || got.Cause != c.cause || r.calls("30001") != 1 {
				t.Errorf("%d calls, %+v", r.calls("30001"), got)
			}
		})
	}
}
