package session

import (
	"context"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

const (
	// cutOffTime is how long a keeper may get no answer of the gateway, from when one
	// was due, before it lets another try: it may be the only one that is cut off.
	cutOffTime = 30 * time.Second
	// restTime is how long it leaves the others for that.
	restTime = 3 * time.Second
)

// silent notes that the gateway gave no answer, or that there is nothing to ask it
// with.
func (k *kept) silent() {
	if k.unheard.IsZero() {
		k.unheard = time.Now()
	}
}

func (k *kept) answered() { k.unheard = time.Time{} }

func (k *kept) cutOff() bool {
	return !k.unheard.IsZero() && time.Since(k.unheard) > k.in.pool.cfg.CutOff
}

// release gives the lease up while the session stays as it is.
func (k *kept) release(ctx context.Context, t *lease) {
	k.rest = time.Now().Add(restTime)
	if err := t.giveUp(ctx); err == nil {
		k.in.log(slog.LevelWarn, "another worker may keep the session", slog.Any("error", errCutOff))
	}
}

// unsaved is a session that could not be written before the lease ran out.
type unsaved struct {
	before  string // the GUID that it follows, "" for none
	session gateway.Session
}

// save writes it, if nothing has happened to the session since.
func (k *kept) save(ctx context.Context, t *lease) {
	u := k.unsaved
	k.unsaved = nil
	if u == nil || t.record().GUID != u.before {
		return
	}
	_ = t.insist(ctx, func(r *record) {
		if r.GUID == u.before {
			r.GUID, r.Cookie = u.session.GUID, u.session.Cookie
		}
	})
}
