package worker_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
)

// hasty lets pauses between sign-ins pass a hundred times faster.
func hasty(c *worker.Config) {
	c.Session.Wait = func(ctx context.Context, d time.Duration) error {
		select {
		case <-time.After(d / 100):
		case <-ctx.Done():
		}
		return ctx.Err()
	}
}

// turned is a clock that pauses between sign-ins turn, up to a bound.
type turned struct {
	mu      sync.Mutex
	begin   time.Time
	passed  time.Duration
	bound   time.Duration
	reached chan struct{} // closed at the bound
}

func newTurned(bound time.Duration) *turned {
	return &turned{begin: time.Now(), bound: bound, reached: make(chan struct{})}
}

func (c *turned) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.passed)
}

// wait turns the clock, and really waits at the bound.
func (c *turned) wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	before := c.passed
	c.passed = min(c.passed+d, c.bound)
	if before < c.bound && c.passed == c.bound {
		close(c.reached)
	}
	c.mu.Unlock()
	if before < c.bound {
		return ctx.Err()
	}
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
	}
	return ctx.Err()
}

// TestWrongPassword: two workers together try twice, and then no more. Readiness says why; commands wait in the
// stream, expire on time and never reach the gateway. The corrected password file
// is taken up at once.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	clock := newTurned(10 * time.Minute)
	r := newRigWith(t, sim.Config{Now: clock.Now})
	file := filepath.Join(t.TempDir(), "password")
	r.must(os.WriteFile(file, []byte("wr0ng-one\n"), 0o600))
	guess := func(c *worker.Config) {
		c.Inspectors = []session.Account{{Inspector: inspector, PasswordFile: file}}
		c.Session.Wait, c.Session.Now = clock.wait, clock.Now
	}
	a, b := r.start(keeps("a", guess)), r.start(keeps("b", guess))
	expiring, patient := crew(0, 50), crew(50, 50)
	for i := range expiring {
		expiring[i].ExpiresAt = time.Now().Add(300 * time.Millisecond)
	}
	r.send(append(expiring, patient...)...)
	r.unready(a, "wrong inspector or password: correct the password file: 100-004")
	r.unready(b, "wrong inspector or password")
	for id, got := range r.await(50) {
		if late := got.FinishedAt.Sub(expiring[0].ExpiresAt); got.Outcome != messages.OutcomeExpired || got.Attempts != 0 || late < 0 {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	r.unready(a, "no more sign-ins before the password changes")
	r.unready(b, "no more sign-ins before the password changes")
	if n := r.signIns(); n != 2 {
		t.Errorf("%d sign-ins with a wrong password", n)
	}
	if n := r.ops(sim.OpForceLogout, sim.OpAgentState); n != 0 {
		t.Errorf("the gateway saw %d calls without a session", n)
	}
	for r.streamState("COMMANDS").Msgs > 50 { // the last expired one goes after its result
		r.tick()
	}
	if state := r.streamState("COMMANDS"); state.Msgs != 50 {
		t.Errorf("%d commands wait in the stream, want 50", state.Msgs)
	}
	r.must(os.WriteFile(file, []byte(password+"\n"), 0o600))
	results := r.await(100)
	for _, c := range patient {
		if got := results[c.ID]; got.Outcome != messages.OutcomeSignedOut {
			t.Errorf("result %+v", got)
		}
	}
}

// TestSignInRefused: each reason is named, with what to do, and only what may end
// soon is tried again soon.
func TestSignInRefused(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		prepare func(*sim.Gateway)
		words   string
	}{
		"expired":     {func(g *sim.Gateway) { g.SetAccount(inspector, sim.Account{Password: password, Expired: true}) }, "the password has expired"},
		"must change": {func(g *sim.Gateway) { g.SetAccount(inspector, sim.Account{Password: password, MustChange: true}) }, "password must be changed"},
		"phone":       {func(g *sim.Gateway) { g.SetAccount(inspector, sim.Account{Password: password, NeedsPhone: true}) }, "check inspector and phone number"},
		"locked": {func(g *sim.Gateway) {
			g.PlanSession(inspector, sim.OpSignIn, sim.Answer{Retcode: "110-021"})
		}, "the account is locked"},
		"licence": {func(g *sim.Gateway) {
			full := sim.Answer{Retcode: "100-007", Message: "The number of login agents has exceeded the limit"}
			g.PlanSession(inspector, sim.OpSignIn, full, full, full, full, full, full, full, full)
		}, "no licence is free"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newTurned(time.Minute)
			r := newRigWith(t, sim.Config{Now: clock.Now})
			c.prepare(r.sim)
			w := r.start(keeps("w", func(c *worker.Config) { c.Session.Wait, c.Session.Now = clock.wait, clock.Now }))
			r.unready(w, c.words)
			if name == "must change" && r.sim.SessionGUID(inspector) != "" {
				t.Error("a session that is good for nothing is left")
			}
		})
	}
}
