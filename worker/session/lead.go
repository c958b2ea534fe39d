package session

import (
	"context"
	"log/slog"
	"time"
)

// term is one time of being the keeper.
type term struct {
	*kept
	lease *lease
}

// lead keeps the session until the context ends or the lease is lost or given up.
func (t *term) lead(ctx context.Context) stateFunc {
	leading, stop := t.lease.keep(ctx)
	t.silence.end()
	t.orphan = t.lease.record().Orphan
	t.save(leading)
	drive(leading, t.choose)
	stop()
	if ctx.Err() != nil {
		return t.retire
	}
	t.leaveSession()
	return t.follow
}

// choose says what the keeper does next.
func (t *term) choose(ctx context.Context) stateFunc {
	switch {
	case ctx.Err() != nil, !t.lease.holds():
		return nil
	case t.silence.cutOff():
		t.release(ctx)
		return nil
	case t.lease.record().GUID == "":
		return t.signIn
	default:
		return t.poll
	}
}

// release gives the lease up while the session stays as it is.
func (t *term) release(ctx context.Context) {
	t.rest = time.Now().Add(restTime)
	if t.lease.giveUp(ctx) == nil {
		t.in.log(slog.LevelWarn, "another worker may keep the session", slog.Any("error", errCutOff))
	}
}

// leaveSession gives a session that was kept here to whoever has the lease now: the
// record may have been deleted and made anew without it.
func (t *term) leaveSession() {
	mine := t.lease.record()
	if mine.GUID == "" {
		return
	}
	t.leave(mine.session(t.in.account.Inspector), "the session is not left to the new keeper", func(now *record) bool {
		return now.Former == "" && now.Lease != "" && now.Lease != mine.Lease
	})
}
