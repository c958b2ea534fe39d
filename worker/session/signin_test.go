package session

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestWrongPasswordForDays: over two days, two workers and many restarts a wrong
// password is tried twice. The right one is tried at once.
func TestWrongPasswordForDays(t *testing.T) {
	t.Parallel()
	clock := newSwift(12 * 3600) // a day in two seconds
	r := newRig(t, sim.Config{Now: clock.Now, LockTime: 20 * time.Minute, SessionTimeout: 1000 * time.Hour})
	file, wrong := r.passwordFile("wr0ng\n")
	b := r.start("b", wrong, clock.use)
	for i := range 12 {
		a := r.start(fmt.Sprint("a", i), wrong, clock.use)
		clock.pass(r, time.Duration(i)*4*time.Hour)
		a.stop()
		if i%4 == 3 {
			b.stop()
			b = r.start(fmt.Sprint("b", i), wrong, clock.use)
		}
	}
	r.says(b, "no more sign-ins before the password changes")
	if all, wrong := r.signIns(""), r.signIns("100-004"); all != 2 || wrong != 2 {
		t.Fatalf("%d sign-ins, %d with a wrong password", all, wrong)
	}
	r.must(os.WriteFile(file, []byte(password+"\n"), 0o600))
	r.ready(b)
	if found := r.record(); len(found.Refused) != 0 || found.Problem != "" {
		t.Errorf("the record still has %+v", found)
	}
}

// TestPasswordCorrectedThere: the account is corrected at the gateway and not the file
// here. Who deletes the record lets the password be tried again.
func TestPasswordCorrectedThere(t *testing.T) {
	t.Parallel()
	clock := newSwift(3600)
	r := newRig(t, sim.Config{Now: clock.Now, SessionTimeout: 1000 * time.Hour})
	_, wrong := r.passwordFile("wr0ng")
	a, b := r.start("a", wrong, clock.use), r.start("b", wrong, clock.use)
	r.says(a, "no more sign-ins before the password changes")
	r.says(b, "no more sign-ins before the password changes")
	r.sim.SetAccount(inspectorNo, sim.Account{Password: "wr0ng"})
	r.until("no keeper", func() bool { return r.record().Lease == "" })
	r.must(r.kv.Delete(r.ctx, recordKey))
	r.ready(a, b)
}

// TestManyWrongPasswords: each of three workers has another wrong password. Together
// they make fewer tries than lock an account, and whoever has the right one gets to
// use it.
func TestManyWrongPasswords(t *testing.T) {
	t.Parallel()
	clock := newSwift(3600)
	r := newRig(t, sim.Config{Now: clock.Now, SessionTimeout: 1000 * time.Hour})
	var files []string
	var pools []running
	for i := range 3 {
		file, wrong := r.passwordFile(fmt.Sprintf("wr0ng-%d", i))
		files = append(files, file)
		pools = append(pools, r.start(fmt.Sprint("w", i), wrong, clock.use))
	}
	for _, p := range pools {
		r.says(p, "no more sign-ins before the password changes")
	}
	clock.pass(r, 4*time.Hour)
	if n := r.signIns("100-004"); n > 4 || r.signIns("110-021") > 0 {
		t.Fatalf("%d wrong passwords", n)
	}
	r.must(os.WriteFile(files[2], []byte(password), 0o600))
	r.ready(pools...)
}

// TestEndedWhileSigningIn: workers that end while a sign-in with a wrong password is
// under way, one after the other, do not lock the account: nobody has heard an answer,
// and the gateway has counted.
func TestEndedWhileSigningIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{})
	_, wrong := r.passwordFile("wr0ng")
	for i := range 6 {
		r.sim.PlanSession(inspectorNo, sim.OpSignIn, sim.Answer{Delay: 10 * time.Second})
		p := r.start(string(rune('a'+i)), wrong)
		_ = wait(r.ctx, time.Second)
		p.stop()
	}
	if n := r.signIns("100-004"); n == 0 || n > wrongTries {
		t.Errorf("%d tries, %d of a locked account", n, r.signIns("110-021"))
	}
}

// TestUnheardPassword: a worker that may not try a password says why: the gateway has
// refused it, or the account, or nobody has heard what it said.
func TestUnheardPassword(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{})
	var hash passwords
	for words, m := range map[string]mark{
		"may have counted":                    {Unheard: wrongTries + 1},
		"refused the password":                {Wrong: wrongTries},
		"the gateway has refused the account": {},
	} {
		m.Hash, m.NotUntil = hash.hashOf("salt", password), time.Now().Add(time.Hour)
		text, err := json.Marshal(record{Salt: "salt", Refused: []mark{m}})
		r.must(err)
		r.write(string(text))
		before := r.signIns("")
		p := r.start("b")
		r.says(p, words)
		p.stop()
		if n := r.signIns("") - before; n != 0 {
			t.Errorf("%d sign-ins", n)
		}
	}
}

// TestUnusableAccount: an account that needs a person is tried once, then every half
// hour, and at once with another password.
func TestUnusableAccount(t *testing.T) {
	t.Parallel()
	for name, account := range map[string]sim.Account{
		"expired":     {Password: password, Expired: true},
		"must change": {Password: password, MustChange: true},
		"locked":      {Password: password},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newSwift(3600)
			r := newRig(t, sim.Config{Now: clock.Now, SessionTimeout: 1000 * time.Hour, LockAfter: 1, LockTime: 1000 * time.Hour})
			r.sim.SetAccount(inspectorNo, account)
			if name == "locked" {
				gw, err := gateway.NewClient(gateway.Options{URL: r.gw})
				r.must(err)
				defer gw.Close()
				_, _, err = gw.SignIn(r.ctx, gateway.SignInPlain, gateway.Credentials{Inspector: inspectorNo, Password: "a person's mistake"})
				r.must(err)
			}
			before := r.signIns("")
			file, change := r.passwordFile(password)
			a, b := r.start("a", change, clock.use), r.start("b", change, clock.use)
			clock.pass(r, 5*time.Hour)
			if n := r.signIns("") - before; n < 5 || n > 11 {
				t.Errorf("%d sign-ins in five hours", n)
			}
			a.stop()
			r.sim.SetAccount(inspectorNo, sim.Account{Password: "the next"})
			r.must(os.WriteFile(file, []byte("the next"), 0o600))
			r.ready(b)
		})
	}
}

// TestSlowSignIn: a sign-in may take longer than a lease.
func TestSlowSignIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{SignInTime: 3 * time.Second})
	a, b := r.start("a"), r.start("b")
	r.ready(a, b)
	if n := r.signIns(""); n != 1 {
		t.Errorf("%d sign-ins", n)
	}
}

// TestLostSignIn: the answer to a sign-in is lost. The worker knows its own orphan,
// waits for its end and evicts nobody; with leave to force it does not wait. A person
// who is signed in is named as one.
func TestLostSignIn(t *testing.T) {
	t.Parallel()
	t.Run("orphan", func(t *testing.T) {
		t.Parallel()
		clock := newSwift(60)
		r := newRig(t, sim.Config{Now: clock.Now, PollWait: 50 * time.Millisecond})
		r.sim.PlanSession(inspectorNo, sim.OpSignIn, sim.Answer{Fault: sim.FaultAnswerLost})
		p := r.start("a", clock.use)
		r.says(p, "the session of a sign-in or a poll whose answer was lost is still there")
		p.stop()
		p = r.start("b", clock.use) // which was not there
		r.says(p, "the session of a sign-in or a poll whose answer was lost is still there")
		r.ready(p)
		if n := r.count("", sim.OpForceSignIn); n != 0 {
			t.Errorf("%d forced sign-ins", n)
		}
	})
	t.Run("by force", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, sim.Config{})
		r.sim.PlanSession(inspectorNo, sim.OpPlatformSignIn, sim.Answer{Fault: sim.FaultAnswerLost})
		p := r.start("a", func(_ *Config, a *Account) { a.Force, a.Platform = true, true })
		r.ready(p)
		if n := r.count("0", sim.OpForcePlatformSignIn); n != 1 {
			t.Errorf("%d forced sign-ins at the platform", n)
		}
	})
	t.Run("a person", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, sim.Config{})
		r.sim.GiveSession(inspectorNo, otherGUID)
		r.says(r.start("a"), "somebody else is signed in as this inspector")
	})
	t.Run("100-003 is one, too", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, sim.Config{})
		r.sim.PlanSession(inspectorNo, sim.OpSignIn, sim.Answer{Retcode: "100-003"})
		p := r.start("a", func(c *Config, a *Account) { c.Taken, a.Force = []string{"100-003"}, true })
		r.ready(p)
		if n := r.count("0", sim.OpForceSignIn); n != 1 {
			t.Errorf("%d forced sign-ins", n)
		}
	})
	t.Run("cannot be forced", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, sim.Config{CannotForce: true})
		r.sim.GiveSession(inspectorNo, otherGUID)
		p := r.start("a", func(_ *Config, a *Account) { a.Force = true })
		r.says(p, "cannot be forced out")
		if n := r.count("", sim.OpForceSignIn); n != 0 {
			t.Errorf("%d forced sign-ins", n)
		}
	})
}

// TestPasswordEnds: a password that ends within three days is said, by every worker;
// one that lasts is not.
func TestPasswordEnds(t *testing.T) {
	t.Parallel()
	for days, warned := range map[int]bool{3: true, 30: false} {
		r := newRig(t, sim.Config{})
		r.sim.SetAccount(inspectorNo, sim.Account{Password: password, DaysLeft: days})
		a, b := r.start("a"), r.start("b")
		r.ready(a, b)
		for _, p := range []running{a, b} {
			usable, problem := p.Ready()
			if left, known := p.PasswordDays(); !usable || (problem != nil) != warned || !known || left > float64(days) || left < float64(days)-1 {
				t.Errorf("%d days: %v, %v, %v days", days, usable, problem, left)
			}
		}
	}
}

// TestPasswordEndsFound: a worker that finds a session, whose keeper writes nothing more,
// knows at once how long the password is good.
func TestPasswordEndsFound(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{})
	r.sim.GiveSession(inspectorNo, otherGUID)
	r.write(encodedRecord(t, record{GUID: otherGUID, Keeper: "dead", Lease: "x", PasswordEnds: time.Now().Add(36 * time.Hour)}))
	p := r.start("a", func(c *Config, _ *Account) { c.Lease = time.Minute })
	r.until("usable", func() bool { usable, _ := p.Ready(); return usable })
	if days, known := p.PasswordDays(); !known || days < 1 || days > 1.5 {
		t.Errorf("%v days, %v", days, known)
	}
}

// TestNoPassword: old sites allow an empty one.
func TestNoPassword(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{})
	r.sim.SetAccount(inspectorNo, sim.Account{})
	r.ready(r.start("a", func(_ *Config, a *Account) { a.Password, a.NoPassword = "", true }))
}
