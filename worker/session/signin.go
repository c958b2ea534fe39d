package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

const (
	// lookAgain is how often a changed password file is noticed while waiting.
	lookAgain = 2 * time.Second
	// patience is how long a keeper waits for its next sign-in. Where it takes longer,
	// another may have a password that has not been refused.
	patience = 5 * time.Minute
)

// signIn signs the inspector in. It ends when there is a session, the lease is lost or
// given up, or the context ends.
func (t *term) signIn(ctx context.Context) stateFunc {
	t.signIns.begin()
	for t.await(ctx) == nil && t.lease.holds() && !t.silence.cutOff() {
		cred, err := t.in.account.credentials()
		if err != nil {
			t.silence.begin()
			t.signInFailed(ctx, &refusal{pace: pace{lookAgain, lookAgain}, meaning: err.Error()})
			continue
		}
		wait, ever := t.passwords.wait(t.lease.record(), cred.Password, t.in.pool.cfg.Now())
		if !ever || wait > patience {
			if t.lease.giveUp(ctx) == nil {
				t.in.log(slog.LevelInfo, "no sign-in before the password changes or its time has come")
			}
			break
		}
		if t.signIns.password = cred.Password; wait > 0 {
			t.signIns.pause = wait
			continue
		}
		if t.signInOnce(ctx, cred) {
			break
		}
	}
	return t.choose
}

// await lets the pause before the next sign-in pass. A changed password ends it.
func (t *term) await(ctx context.Context) error {
	s := &t.signIns
	for s.pause > 0 {
		step := min(s.pause, lookAgain)
		if err := t.in.pool.cfg.Wait(ctx, step); err != nil {
			return err
		}
		s.pause -= step
		cred, err := t.in.account.credentials()
		if err == nil && s.password != "" && cred.Password != s.password {
			s.changed()
			t.in.log(slog.LevelInfo, "the password has changed, trying it")
		}
	}
	return ctx.Err()
}

// signInFailed says so, to everybody, and sets when to try again.
func (t *term) signInFailed(ctx context.Context, r *refusal) {
	if ctx.Err() != nil {
		return
	}
	s, cfg := &t.signIns, t.in.pool.cfg
	s.failed(r.pace)
	why, now := r.meaning, down
	if r.ofPassword() {
		s.pause = 0 // the password says when
		why += t.nextTry(s.password)
	} else {
		why += fmt.Sprintf(" (next sign-in in %v)", s.pause)
	}
	if r.pace == soon() && s.tries < 3 || cfg.Now().Before(t.orphan) {
		now = pending
	}
	t.in.lost(now, errors.New(why))
	_ = t.lease.insist(ctx, func(rec *record) {
		rec.Problem, rec.Orphan = "", t.orphan
		if now == down {
			rec.Problem = why
		}
	})
}

// nextTry says when a password may be tried again, for people.
func (t *term) nextTry(password string) string {
	wait, ever := t.passwords.wait(t.lease.record(), password, t.in.pool.cfg.Now())
	if !ever {
		return " (no more sign-ins before the password changes)"
	}
	return fmt.Sprintf(" (next sign-in in %v, or when the password changes)", wait.Round(time.Second))
}

// call makes one sign-in; which kind depends on the settings and on what the last one met.
func (t *term) call(ctx context.Context, cred gateway.Credentials) (gateway.SignedIn, *refusal) {
	cfg, account := t.in.pool.cfg, t.in.account
	kind := gateway.SignInPlain
	switch {
	case t.signIns.useForced && account.Platform:
		kind = gateway.SignInForcedPlatform
	case t.signIns.useForced:
		kind = gateway.SignInForced
	case account.Platform:
		kind = gateway.SignInPlatform
	}
	if t.signIns.useForced {
		t.signIns.force(time.Now())
	}
	t.signIns.useForced = false
	ctx, cancel := context.WithTimeout(ctx, cfg.SignInTime)
	defer cancel()
	session, answer, err := cfg.Gateway.SignIn(ctx, kind, cred)
	if errors.Is(err, gateway.ErrChangePassword) {
		// It occupies a licence and is good for nothing.
		_, _ = cfg.Gateway.SignOut(ctx, session.Session)
	}
	return session, cfg.judgeSignIn(answer, err)
}
