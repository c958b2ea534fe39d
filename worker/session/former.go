package session

import (
	"context"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// remedy does what it can about somebody who is signed in, and returns what has worked;
// waitForEnd where nothing has.
func (a *attempt) remedy(ctx context.Context) remedy {
	for {
		r := a.lease.record()
		former := gateway.Session{Inspector: a.in.account.Inspector, GUID: r.Former, Cookie: r.FormerCookie}
		next := a.signIns.remedy(r.Former, a.in.account.Force, time.Now())
		worked := true
		switch next {
		case resumeFormer:
			a.signIns.former = r.Former
			worked = a.resume(ctx, former)
		case endFormer:
			a.signIns.ended = r.Former
			worked = a.end(ctx, former)
		case evict:
			a.signIns.useForced = true
		}
		if worked {
			return next
		}
	}
}

// resume takes the session up that was there before, where the gateway does not say that
// it is over: somebody is signed in, and may be that one.
func (a *attempt) resume(ctx context.Context, former gateway.Session) bool {
	if a.in.pool.secondOpinion(ctx, former) == refused {
		return false
	}
	a.in.log(slog.LevelWarn, "the session of before is tried again: the gateway says that the inspector is signed in")
	return a.lease.insist(ctx, func(r *record) {
		r.GUID, r.Cookie, r.Former, r.FormerCookie, r.Orphan, r.Problem = former.GUID, former.Cookie, "", "", a.orphanBefore, ""
	}) == nil
}

// end signs the former session out.
func (a *attempt) end(ctx context.Context, former gateway.Session) bool {
	ctx, cancel := context.WithTimeout(ctx, retireTime)
	defer cancel()
	answer, err := a.in.pool.cfg.Gateway.SignOut(ctx, former)
	a.in.log(slog.LevelInfo, "former session signed out", slog.String("answer", said(answer, err)))
	return a.in.pool.judge(answer, err) == alive
}

// whoseSession says whose session is in the way, where the answer alone would blame a
// person.
func (a *attempt) whoseSession(meaning string) string {
	switch {
	case a.in.pool.cfg.Now().Before(a.orphanBefore):
		return "the session of a sign-in or a poll whose answer was lost is still there, until " + a.orphanBefore.UTC().Format(time.TimeOnly) + " UTC at the latest"
	case a.in.account.Force:
		return "evicted soon after a forced sign-in: another program uses this inspector, too"
	default:
		return meaning
	}
}
