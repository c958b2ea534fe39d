package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

const (
	// lookAgain is how often a changed password file is noticed while waiting.
	lookAgain = 2 * time.Second
	// proofTime is how long a session must live to count as one.
	proofTime = 20 * time.Second
	// forcedRest is the first pause between forced sign-ins: two programs that
	// evict each other must come to rest.
	forcedRest = time.Minute
	// patience is how long a keeper waits for its next sign-in. Where it takes longer,
	// another may have a password that has not been refused.
	patience = 5 * time.Minute
)

// pace is how soon a sign-in is tried again.
type pace struct{ first, last time.Duration }

func soon() pace  { return pace{time.Second, 30 * time.Second} }
func taken() pace { return pace{10 * time.Second, time.Minute} }

// rarely is for what a person has to mend.
func (c Config) rarely() pace { return pace{2 * time.Minute, max(2*time.Minute, c.LockRetry)} }

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
	what    retcode.SignIn
	pace    pace
	unheard bool // the gateway did not answer
	lost    bool // it may have signed the inspector in all the same
	meaning string
}

// judgeSignIn says what an answer to a sign-in calls for; nil where it has worked.
func (c Config) judgeSignIn(answer gateway.Answer, err error) *refusal {
	var unsent *gateway.UnsentError
	switch {
	case errors.Is(err, gateway.ErrChangePassword):
		return &refusal{what: retcode.Unusable, meaning: err.Error()}
	case errors.Is(err, gateway.ErrNoGUID):
		return &refusal{what: retcode.Malformed, pace: c.rarely(), lost: true, meaning: err.Error()}
	case err != nil && gateway.IsCertificateError(err):
		return &refusal{pace: soon(), unheard: true, meaning: "the gateway's certificate was not accepted: " + err.Error()}
	case errors.As(err, &unsent):
		return &refusal{pace: soon(), unheard: true, meaning: "the gateway could not be reached: " + err.Error()}
	case err != nil:
		return &refusal{pace: soon(), unheard: true, lost: true, meaning: "the sign-in's answer was lost: " + err.Error()}
	case answer.HTTPStatus == 200 && answer.Retcode == retcode.OK:
		return nil
	case answer.Retcode == "" && answer.HTTPStatus/100 == 4:
		return &refusal{what: retcode.Malformed, pace: c.rarely(), meaning: "the gateway's URL, port or release may be wrong: " + said(answer, nil)}
	case answer.Retcode == "":
		return &refusal{pace: soon(), lost: true, meaning: "not an answer of the gateway: " + said(answer, nil)}
	case strings.Contains(answer.Message, "number of login agents"):
		return &refusal{pace: soon(), meaning: "no licence is free: " + said(answer, nil)}
	}
	what, meaning := retcode.OfSignIn(answer.Retcode, c.Taken)
	r := &refusal{what: what, pace: soon(), meaning: meaning + ": " + said(answer, nil)}
	switch {
	case what == retcode.Taken, what == retcode.Kept:
		r.pace = taken()
	case what != retcode.Later && answer.HTTPStatus < 500:
		r.pace = c.rarely()
	}
	return r
}

// signIn is what a worker remembers of its sign-ins.
type signIn struct {
	password string        // of the last try
	tries    int           // in a row, with the same pace
	at       pace          // their pace
	pause    time.Duration // before the next
	unproven int           // sign-ins in a row whose sessions were soon lost
	proven   time.Time     // when the present session will have proved itself

	forced    int       // forced sign-ins close to each other
	forcedAt  time.Time // the last one
	mayForce  time.Time // not before
	useForced bool      // the next sign-in is a forced one

	former string // the last former session that was tried
	ended  string // the last former session that was signed out
}

// signInUntilDone signs the inspector in. It returns when that has worked, the lease
// is lost or given up, or the context ends.
func (k *kept) signInUntilDone(ctx context.Context, t *lease) {
	k.signIn.pause = 0
	if k.signIn.unproven > 0 {
		k.signIn.pause = soon().delay(k.signIn.unproven)
	}
	for k.await(ctx) == nil && t.holds() && !k.cutOff() {
		cred, err := k.in.account.credentials()
		if err != nil {
			k.silent()
			k.signInFailed(ctx, t, &refusal{pace: pace{lookAgain, lookAgain}, meaning: err.Error()})
			continue
		}
		wait, ever := k.passwords.wait(t.record(), cred.Password, k.in.pool.cfg.Now())
		if !ever || wait > patience {
			k.leave(ctx, t)
			return
		}
		if k.signIn.password = cred.Password; wait > 0 {
			k.signIn.pause = wait
			continue
		}
		if k.signInOnce(ctx, t, cred) {
			return
		}
	}
}

// leave gives the lease up where this worker can do nothing with it: the password has
// been refused, or the account needs a person.
func (k *kept) leave(ctx context.Context, t *lease) {
	if t.giveUp(ctx) == nil {
		k.in.log(slog.LevelInfo, "no sign-in before the password changes or its time has come")
	}
}

// signInOnce tries once, and reports whether there is a session.
func (k *kept) signInOnce(ctx context.Context, t *lease, cred gateway.Credentials) (done bool) {
	cfg := k.in.pool.cfg
	cred.Listen = cfg.Listen
	before, marks := t.record().Orphan, t.record().Refused
	// Only with a fresh lease: nobody else may sign in before this is over. And said
	// beforehand, as the answer may never come.
	if t.change(ctx, func(r *record) {
		r.Orphan = clock.Later(before, cfg.Now().Add(cfg.SignInTime+gateway.SessionLife))
		k.passwords.begin(r, cred.Password, cfg)
	}) != nil {
		_ = wait(ctx, t.life/12)
		return false
	}
	s, refused := k.ask(ctx, cred)
	if ctx.Err() != nil { // the lease is lost, or the worker ends
		k.leaveAnswer(s, refused, cred.Password)
		return true
	}
	if refused != nil && refused.unheard {
		k.silent()
	} else {
		k.answered()
	}
	switch {
	case refused != nil && refused.what == retcode.Taken: // the password is right
		marks = k.passwords.took(marks, t.record().Salt, cred.Password)
		fallthrough
	case refused != nil && !refused.lost && refused.what != retcode.WrongWords && refused.what != retcode.Unusable:
		_ = t.insist(ctx, func(r *record) { r.Refused = marks })
	}
	switch {
	case refused == nil:
		k.signedIn(ctx, t, s)
		return true
	case refused.lost:
		before = clock.Later(before, cfg.Now().Add(gateway.SessionLife+orphanMargin))
	case refused.what == retcode.Taken && k.tryFormer(ctx, t, before):
		return true
	case refused.what == retcode.Taken && k.endFormer(ctx, t):
		k.signIn.pause = 0
		_ = t.insist(ctx, func(r *record) { r.Orphan = before })
		return false
	}
	if mem := &k.signIn; refused.what == retcode.Taken && k.in.account.Force && time.Now().After(mem.mayForce) {
		mem.useForced, mem.pause = true, 0
		_ = t.insist(ctx, func(r *record) { r.Orphan = before })
		return false
	}
	switch {
	case refused.what != retcode.Taken:
	case cfg.Now().Before(before):
		refused.meaning = "the session of a sign-in or a poll whose answer was lost is still there, until " + before.UTC().Format(time.TimeOnly) + " UTC at the latest"
	case k.in.account.Force:
		refused.meaning = "evicted soon after a forced sign-in: another program uses this inspector, too"
	}
	k.passwords.refuse(ctx, t, k, cred.Password, refused.what)
	k.orphan = before
	k.signInFailed(ctx, t, refused)
	return false
}

// leaveAnswer tells the next keeper what a sign-in has come to when its time was over.
func (k *kept) leaveAnswer(s gateway.SignedIn, refused *refusal, password string) {
	if refused != nil {
		k.passwords.refuseLate(k, password, refused.what)
		return
	}
	k.write("the new session is not left to the next keeper", func(r *record) bool {
		if r.GUID != "" {
			return false
		}
		r.Former, r.FormerCookie = s.GUID, s.Cookie
		k.passwords.accept(r, password)
		return true
	})
}

// orphanMargin is how much longer a session may live of whose sign-in nobody knows
// when it took effect.
const orphanMargin = 30 * time.Second

// ask makes the call; which one depends on the settings and on what the last one met.
func (k *kept) ask(ctx context.Context, cred gateway.Credentials) (gateway.SignedIn, *refusal) {
	s, account := &k.signIn, k.in.account
	kind := gateway.SignInPlain
	switch {
	case s.useForced:
		kind = gateway.SignInForced
		if account.Platform {
			kind = gateway.SignInForcedPlatform
		}
		if time.Since(s.forcedAt) > 20*forcedRest {
			s.forced = 0
		}
		s.forced++
		s.forcedAt = time.Now()
		s.mayForce = s.forcedAt.Add(pace{forcedRest, 10 * forcedRest}.delay(s.forced))
	case account.Platform:
		kind = gateway.SignInPlatform
	}
	s.useForced = false
	ctx, cancel := context.WithTimeout(ctx, k.in.pool.cfg.SignInTime)
	defer cancel()
	session, answer, err := k.in.pool.cfg.Gateway.SignIn(ctx, kind, cred)
	if errors.Is(err, gateway.ErrChangePassword) {
		// It occupies a licence and is good for nothing.
		_, _ = k.in.pool.cfg.Gateway.SignOut(ctx, session.Session)
	}
	return session, k.in.pool.cfg.judgeSignIn(answer, err)
}

// signedIn takes a new session up and shares it.
func (k *kept) signedIn(ctx context.Context, t *lease, s gateway.SignedIn) {
	cfg := k.in.pool.cfg
	now := cfg.Now()
	k.signIn.succeeded()
	k.in.log(slog.LevelInfo, "inspector signed in")
	var ends time.Time
	if s.PasswordDays >= 0 {
		ends = now.Add(time.Duration(s.PasswordDays) * 24 * time.Hour).UTC()
	}
	err := t.insist(ctx, func(r *record) {
		k.passwords.accept(r, k.signIn.password)
		*r = record{
			GUID: s.GUID, Cookie: s.Cookie, SignedInBy: cfg.Instance, SignedInAt: now.UTC(),
			Checked: r.Checked, Keeper: r.Keeper, Lease: r.Lease, PasswordEnds: ends,
			Salt: r.Salt, Good: r.Good,
		}
	})
	if err != nil {
		k.unsaved = &unsaved{session: s.Session}
		k.in.log(slog.LevelError, "the new session is not shared yet", slog.Any("error", err))
	}
	k.in.passwordEnds(ends)
	k.in.set(s.Session)
}

// tryFormer takes the session up that was there before, where the gateway says that
// somebody is signed in and it is that one: it was lost by a mistake.
func (k *kept) tryFormer(ctx context.Context, t *lease, orphan time.Time) bool {
	r := t.record()
	if r.Former == "" || r.Former == k.signIn.former {
		return false
	}
	k.signIn.former = r.Former
	former := gateway.Session{Inspector: k.in.account.Inspector, GUID: r.Former, Cookie: r.FormerCookie}
	if k.in.pool.secondOpinion(ctx, former) == refused {
		return false
	}
	k.in.log(slog.LevelWarn, "the session of before is tried again: the gateway says that the inspector is signed in")
	return t.insist(ctx, func(r *record) {
		r.GUID, r.Cookie, r.Former, r.FormerCookie, r.Orphan, r.Problem = former.GUID, former.Cookie, "", "", orphan, ""
	}) == nil
}

// endFormer signs a former session out that has been tried in vain: polls do not take
// it, and the gateway knows it all the same. It would be in the way until it ends.
func (k *kept) endFormer(ctx context.Context, t *lease) bool {
	r := t.record()
	if r.Former == "" || r.Former != k.signIn.former || r.Former == k.signIn.ended {
		return false
	}
	k.signIn.ended = r.Former
	ctx, cancel := context.WithTimeout(ctx, retireTime)
	defer cancel()
	former := gateway.Session{Inspector: k.in.account.Inspector, GUID: r.Former, Cookie: r.FormerCookie}
	answer, err := k.in.pool.cfg.Gateway.SignOut(ctx, former)
	k.in.log(slog.LevelInfo, "former session signed out", slog.String("answer", said(answer, err)))
	return k.in.pool.judge(answer, err) == alive
}

// succeeded notes a sign-in. Whether it is worth anything shows later: a gateway
// that loses each session at once must not be stormed.
func (s *signIn) succeeded() {
	s.tries, s.pause, s.former, s.ended = 0, 0, "", ""
	s.unproven++
	s.proven = time.Now().Add(proofTime)
}

// lasts is told that the session is good.
func (s *signIn) lasts() {
	s.former = ""
	if s.unproven > 0 && time.Now().After(s.proven) {
		s.unproven = 0
	}
}

// signInFailed says so, to everybody, and sets when to try again.
func (k *kept) signInFailed(ctx context.Context, t *lease, r *refusal) {
	if ctx.Err() != nil {
		return
	}
	s := &k.signIn
	if r.pace != s.at {
		s.at, s.tries = r.pace, 0
	}
	s.tries++
	s.pause = r.pace.delay(s.tries)
	why, now := r.meaning, down
	if r.what == retcode.WrongWords || r.what == retcode.Unusable {
		cfg := k.in.pool.cfg
		wait, ever := k.passwords.wait(t.record(), s.password, cfg.Now())
		switch {
		case !ever:
			why += " (no more sign-ins before the password changes)"
		default:
			why += fmt.Sprintf(" (next sign-in in %v, or when the password changes)", wait.Round(time.Second))
		}
		s.pause = 0 // the password says when
	} else {
		why += fmt.Sprintf(" (next sign-in in %v)", s.pause)
	}
	if r.pace == soon() && s.tries < 3 || k.in.pool.cfg.Now().Before(k.orphan) {
		now = pending
	}
	k.in.lost(now, errors.New(why))
	_ = t.insist(ctx, func(rec *record) {
		rec.Problem, rec.Orphan = "", k.orphan
		if now == down {
			rec.Problem = why
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
			s.pause, s.tries = 0, 0
			k.in.log(slog.LevelInfo, "the password has changed, trying it")
		}
	}
	return ctx.Err()
}
