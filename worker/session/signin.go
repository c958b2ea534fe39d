package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

const (
	// signInTime bounds one sign-in. It is shorter than a fresh lease, so that no
	// two workers sign in at once.
	signInTime = 8 * time.Second
	// lookAgain is how often a changed password file is noticed while waiting.
	lookAgain = 2 * time.Second
	// freeTries is how many failed sign-ins a worker that has just been started
	// may add to at once: the operator may have mended the password.
	freeTries = 3
	// proofTime is how long a session must live to count as one.
	proofTime = 20 * time.Second
	// forcedRest is the first pause between forced sign-ins: two programs that
	// evict each other must come to rest.
	forcedRest = time.Minute
)

// pace is how soon a sign-in is tried again.
type pace struct{ first, last time.Duration }

// A wrong password locks the account after a few tries, so these are rare.
func soon() pace   { return pace{time.Second, 30 * time.Second} }
func taken() pace  { return pace{10 * time.Second, time.Minute} }
func rarely() pace { return pace{2 * time.Minute, 5 * time.Minute} }

// delay after a number of tries in a row that ended alike.
func (p pace) delay(tries int) time.Duration {
	d := p.first
	for range tries - 1 {
		d = min(2*d, p.last)
	}
	return d
}

// refusal is why a sign-in did not work, and what follows.
type refusal struct {
	pace    pace
	counts  bool // a step towards a locked account
	evict   bool // somebody else is signed in; a forced sign-in would do
	unheard bool // the gateway did not answer
	meaning string
}

// judgeSignIn is the table of a sign-in's answers [cec_07_1202, cec_07_1430].
func judgeSignIn(answer gateway.Answer, err error) (refusal, bool) {
	switch {
	case errors.Is(err, gateway.ErrChangePassword), errors.Is(err, gateway.ErrNoGUID):
		return refusal{pace: rarely(), counts: true, meaning: err.Error()}, false
	case err != nil && gateway.IsCertificateError(err):
		return refusal{pace: soon(), unheard: true, meaning: "the gateway's certificate was not accepted: " + err.Error()}, false
	case err != nil:
		return refusal{pace: soon(), unheard: true, meaning: "the gateway could not be reached: " + err.Error()}, false
	case answer.HTTPStatus == 200 && answer.Retcode == gateway.RetcodeSuccess:
		return refusal{}, true
	}
	r := refusal{pace: rarely(), counts: true, meaning: "the gateway refuses the sign-in"}
	switch code := answer.Retcode; {
	case code == "" && answer.HTTPStatus/100 == 4:
		r.counts, r.meaning = false, "the gateway's URL, port or release may be wrong"
	case code == "":
		r.pace, r.counts, r.meaning = soon(), false, "not an answer of the gateway"
	case code == "100-002":
		r = refusal{pace: taken(), evict: true, meaning: "somebody else is signed in as this inspector: end that session, or use --force-sign-in"}
	case code == "100-015":
		r = refusal{pace: taken(), meaning: "somebody else is signed in as this inspector and cannot be forced out"}
	case strings.Contains(answer.Message, "number of login agents"):
		r = refusal{pace: soon(), meaning: "no licence is free"}
	case code == "100-003", code == "100-021", code == "100-007", code == "000-004", code == "105-002":
		r = refusal{pace: soon(), meaning: "the gateway cannot sign in at the moment"}
	case code == "100-004":
		r.meaning = "wrong inspector or password: correct the password file"
	case code == "110-016", code == "110-021":
		r.meaning = "the account is locked: unlock it and correct the password"
	case code == "100-020":
		r.meaning = "the password has expired: change it at the gateway and in the password file"
	case code == "100-001", code == "000-002", code == "000-006", code >= "100-011" && code <= "100-017":
		r.meaning = "a parameter is wrong: check inspector and phone number"
	case answer.HTTPStatus >= 500:
		r = refusal{pace: soon(), meaning: "the gateway cannot sign in at the moment"}
	}
	r.meaning += ": " + said(answer, nil)
	return r, false
}

// signIn is what a worker remembers of its sign-ins.
type signIn struct {
	tried    bool          // since the process was started
	password string        // of the last try
	tries    int           // in a row, with the same pace
	at       pace          // their pace
	pause    time.Duration // before the next
	failures int           // in a row that count
	unproven int           // sign-ins in a row whose sessions were soon lost
	proven   time.Time     // when the present session will have proved itself

	forced    int       // forced sign-ins close to each other
	forcedAt  time.Time // the last one
	mayForce  time.Time // not before
	useForced bool      // the next sign-in is a forced one
}

// begin takes over, at the start of a tenure, what the keeper before has met: a
// new keeper must not begin anew with a wrong password.
func (s *signIn) begin(r record) {
	s.failures = r.Failures
	if r.Failures > 0 && (s.tried || r.Failures >= freeTries) {
		s.at, s.tries = rarely(), r.Failures
		s.pause = min(max(0, time.Until(r.NotUntil)), rarely().last)
	}
}

// signInUntilDone signs the inspector in. It returns when that has worked, the
// lease is lost or the context ends.
func (k *kept) signInUntilDone(ctx context.Context, t *tenure) {
	if k.signIn.unproven > 0 && k.signIn.pause == 0 {
		k.signIn.pause = soon().delay(k.signIn.unproven)
	}
	for k.await(ctx) == nil && t.holds() && !k.cutOff() {
		cred, err := k.in.account.credentials()
		if err != nil {
			k.silent()
			k.signInFailed(ctx, t, refusal{pace: pace{lookAgain, lookAgain}, meaning: err.Error()})
			continue
		}
		cred.Listen = k.in.pool.cfg.Listen
		// Only with a fresh lease, and no longer than it lasts: nobody else may sign in
		// before this is over.
		if t.change(ctx, func(*record) {}) != nil {
			_ = wait(ctx, t.life/12)
			continue
		}
		s, refused, ok := k.signInOnce(ctx, cred, t.end())
		if !ok {
			if refused.unheard {
				k.silent()
			} else {
				k.answered()
			}
			k.signInFailed(ctx, t, refused)
			continue
		}
		k.answered()
		k.signIn.succeeded()
		k.in.log(slog.LevelInfo, "inspector signed in")
		err = t.insist(ctx, func(r *record) {
			r.GUID, r.Cookie, r.SignedInBy, r.SignedInAt = s.GUID, s.Cookie, k.in.pool.cfg.Instance, time.Now().UTC()
			r.Problem, r.Failures, r.NotUntil = "", 0, time.Time{}
		})
		if err != nil {
			k.unsaved = &unsaved{session: s}
			k.in.log(slog.LevelError, "the new session is not shared yet", slog.Any("error", err))
		}
		k.in.set(s)
		return
	}
}

// succeeded notes a sign-in. Whether it is worth anything shows later: a gateway
// that loses each session at once must not be stormed.
func (s *signIn) succeeded() {
	s.tries, s.failures, s.pause = 0, 0, 0
	s.unproven++
	s.proven = time.Now().Add(proofTime)
}

// lasts is told that the session is good.
func (s *signIn) lasts() {
	if s.unproven > 0 && time.Now().After(s.proven) {
		s.unproven = 0
	}
}

// signInOnce makes one call; what it is depends on the setting and on what the
// last one met.
func (k *kept) signInOnce(ctx context.Context, cred gateway.Credentials, end time.Time) (gateway.Session, refusal, bool) {
	s := &k.signIn
	kind := gateway.SignInPlain
	switch {
	case s.useForced:
		kind = gateway.SignInForced
		if time.Since(s.forcedAt) > 20*forcedRest {
			s.forced = 0
		}
		s.forced++
		s.forcedAt = time.Now()
		s.mayForce = s.forcedAt.Add(pace{forcedRest, 10 * forcedRest}.delay(s.forced))
	case k.in.account.Platform:
		kind = gateway.SignInPlatform
	}
	s.useForced, s.tried, s.password = false, true, cred.Password
	if latest := time.Now().Add(signInTime); latest.Before(end) {
		end = latest
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	session, answer, err := k.in.pool.cfg.Gateway.SignIn(ctx, kind, cred)
	refused, ok := judgeSignIn(answer, err)
	if errors.Is(err, gateway.ErrChangePassword) {
		// It occupies a licence and is good for nothing.
		_, _ = k.in.pool.cfg.Gateway.SignOut(ctx, session)
	}
	return session, refused, ok
}

// signInFailed says so, to everybody, and sets when to try again.
func (k *kept) signInFailed(ctx context.Context, t *tenure, r refusal) {
	if ctx.Err() != nil {
		return
	}
	s := &k.signIn
	if r.pace != s.at {
		s.at, s.tries = r.pace, 0
	}
	s.tries++
	s.pause = r.pace.delay(s.tries)
	if r.counts {
		s.failures++
	}
	if r.evict && k.in.account.Force {
		if s.useForced = time.Now().After(s.mayForce); s.useForced {
			s.pause = 0
			return
		}
		r.meaning = "evicted soon after a forced sign-in: another program uses this inspector, too"
	}
	why := fmt.Errorf("%s (next sign-in in %v)", r.meaning, s.pause)
	now := down
	if r.pace == soon() && s.tries < 3 {
		now = pending
	}
	k.in.lost(now, why)
	failures, until := s.failures, time.Now().Add(s.pause)
	_ = t.insist(ctx, func(rec *record) {
		rec.Problem, rec.Failures, rec.NotUntil = "", failures, time.Time{}
		if now == down {
			rec.Problem = why.Error()
		}
		if failures > 0 {
			rec.NotUntil = until.UTC()
		}
	})
}

// await lets the pause before the next sign-in pass. A changed password ends it.
func (k *kept) await(ctx context.Context) error {
	s := &k.signIn
	for s.pause > 0 {
		step := min(s.pause, lookAgain)
		if err := k.in.pool.cfg.Wait(ctx, step); err != nil {
			return err
		}
		s.pause -= step
		cred, err := k.in.account.credentials()
		if err == nil && s.password != "" && cred.Password != s.password {
			s.pause, s.tries, s.failures = 0, 0, 0
			k.in.log(slog.LevelInfo, "the password has changed, trying it")
		}
	}
	return ctx.Err()
}
