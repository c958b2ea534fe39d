package session

import (
	"context"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// orphanMargin is how much longer a session may live of whose sign-in nobody knows
// when it took effect.
const orphanMargin = 30 * time.Second

// attempt is one sign-in, and what the record said before it.
type attempt struct {
	*term
	password     string
	orphanBefore time.Time
	marks        []mark
}

// signInOnce tries once, and reports whether that is all for this time: there is a
// session, or the lease or the worker has ended.
func (t *term) signInOnce(ctx context.Context, cred gateway.Credentials) (done bool) {
	before := t.lease.record()
	a := &attempt{term: t, password: cred.Password, orphanBefore: before.Orphan, marks: before.Refused}
	if a.announce(ctx) != nil {
		_ = wait(ctx, t.lease.life/12)
		return false
	}
	cred.Listen = t.in.pool.cfg.Listen
	s, refused := t.call(ctx, cred)
	switch {
	case ctx.Err() != nil:
		a.leaveAnswer(s, refused)
		return true
	case refused == nil:
		t.silence.end()
		a.worked(ctx, s)
		return true
	case refused.unheard:
		t.silence.begin()
	default:
		t.silence.end()
	}
	return a.refused(ctx, refused)
}

// announce says beforehand that a session may come of this, and counts the try, as the
// answer may never come. It extends the lease, too: nobody else may sign in meanwhile.
func (a *attempt) announce(ctx context.Context) error {
	cfg := a.in.pool.cfg
	return a.lease.change(ctx, func(r *record) {
		r.Orphan = clock.Later(a.orphanBefore, cfg.Now().Add(cfg.SignInTime+gateway.SessionLife))
		a.passwords.begin(r, a.password, cfg)
	})
}

// leaveAnswer tells the next keeper what the sign-in has come to when the lease was lost
// meanwhile, or the worker ends.
func (a *attempt) leaveAnswer(s gateway.SignedIn, refused *refusal) {
	if refused != nil {
		a.refusePasswordLate(refused)
		return
	}
	a.leave(s.Session, "the new session is not left to the next keeper", func(r *record) bool {
		a.passwords.accept(r, a.password)
		return true
	})
}

// worked takes a new session up and shares it.
func (a *attempt) worked(ctx context.Context, s gateway.SignedIn) {
	cfg := a.in.pool.cfg
	now := cfg.Now()
	a.signIns.succeeded()
	a.in.log(slog.LevelInfo, "inspector signed in")
	var ends time.Time
	if s.PasswordDays >= 0 {
		ends = now.Add(time.Duration(s.PasswordDays) * 24 * time.Hour).UTC()
	}
	err := a.lease.insist(ctx, func(r *record) {
		a.passwords.accept(r, a.password)
		*r = record{
			GUID: s.GUID, Cookie: s.Cookie, SignedInBy: cfg.Instance, SignedInAt: now.UTC(),
			Checked: r.Checked, Keeper: r.Keeper, Lease: r.Lease, PasswordEnds: ends,
			Salt: r.Salt, Good: r.Good,
		}
	})
	if err != nil {
		a.unsaved = &unsaved{session: s.Session}
		a.in.log(slog.LevelError, "the new session is not shared yet", slog.Any("error", err))
	}
	a.in.passwordEnds(ends)
	a.in.set(s.Session)
}

// refused does what a refusal calls for, and reports whether there is a session all the
// same.
func (a *attempt) refused(ctx context.Context, r *refusal) (done bool) {
	if r.lost {
		a.orphanBefore = clock.Later(a.orphanBefore, a.in.pool.cfg.Now().Add(gateway.SessionLife+orphanMargin))
	} else if !r.ofPassword() {
		a.uncount(ctx, r)
	}
	if r.what == retcode.Taken {
		switch a.remedy(ctx) {
		case resumeFormer:
			return true
		case endFormer, evict:
			a.signIns.pause = 0 // the next sign-in may work
			_ = a.lease.insist(ctx, func(r *record) { r.Orphan = a.orphanBefore })
			return false
		}
		r.meaning = a.whoseSession(r.meaning)
	}
	a.refusePassword(ctx, r)
	a.term.orphan = a.orphanBefore
	a.signInFailed(ctx, r)
	return false
}

// uncount takes the counted try back: the gateway has answered, and not about the
// password. Where it says that somebody is signed in, the password is right.
func (a *attempt) uncount(ctx context.Context, r *refusal) {
	marks := a.marks
	if r.what == retcode.Taken {
		marks = a.passwords.took(marks, a.lease.record().Salt, a.password)
	}
	_ = a.lease.insist(ctx, func(r *record) { r.Refused = marks })
}

// refusePassword remembers what the gateway said of a password, also where the lease is
// lost meanwhile.
func (a *attempt) refusePassword(ctx context.Context, r *refusal) {
	if !r.ofPassword() {
		return
	}
	cfg := a.in.pool.cfg
	if a.lease.insist(ctx, func(rec *record) { a.passwords.mark(rec, a.password, r.what, cfg) }) != nil {
		a.refusePasswordLate(r)
	}
}

// refusePasswordLate is refusePassword without a lease.
func (a *attempt) refusePasswordLate(r *refusal) {
	if !r.ofPassword() {
		return
	}
	a.update("the refused password is not remembered", func(rec *record) bool {
		a.passwords.mark(rec, a.password, r.what, a.in.pool.cfg)
		return true
	})
}
