package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

// retireTime bounds the end of a keeper that shuts down.
const retireTime = 8 * time.Second

// retire ends the keeping of a worker that shuts down: another that needs the session
// goes on at once, and where there is none, the inspector is signed out if this worker
// signed in.
func (t *term) retire(ctx context.Context) stateFunc {
	t.noLongerNeeded()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), retireTime)
	defer cancel()
	over := t.signOut(ctx)
	err := t.lease.change(ctx, func(now *record) {
		over(now)
		now.Keeper, now.Lease = "", ""
	})
	if err != nil {
		t.in.log(slog.LevelWarn, "session not handed over; another worker takes it when the lease ends", slog.Any("error", err))
	}
	return nil
}

// signOut signs the inspector out where nobody needs the session, and returns what that
// changes in the record. A session that may not be over is kept in mind.
func (t *term) signOut(ctx context.Context) (over func(*record)) {
	over = func(*record) {}
	// Only with a whole lease ahead: nobody may sign in while this signs out.
	if t.lease.change(ctx, over) != nil {
		return over
	}
	r := t.lease.record()
	if r.GUID == "" || r.SignedInBy != t.in.pool.cfg.Instance || !t.alone(ctx) {
		return over
	}
	answer, err := t.in.pool.cfg.Gateway.SignOut(ctx, r.session(t.in.account.Inspector))
	t.in.log(slog.LevelInfo, "inspector signed out", slog.String("answer", said(answer, err)))
	if t.in.pool.judge(answer, err) == alive {
		return func(r *record) { r.GUID, r.Cookie = "", "" }
	}
	return func(r *record) { r.end() }
}

// alone reports whether no other worker needs the session. Not knowing means no.
func (t *term) alone(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := t.in.pool.cfg.NATS.RequestWithContext(ctx, t.in.subject(askNeeded), nil)
	return errors.Is(err, nats.ErrNoResponders)
}
