package session

import (
	"context"
	"errors"
	"log/slog"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// update changes the record, whoever has the lease, unless there is nothing to change.
func (f *follower) update(trouble string, change func(*record) bool) {
	ctx, cancel := context.WithTimeout(context.Background(), putTime)
	defer cancel()
	err := errOvertaken
	for errors.Is(err, errOvertaken) {
		var r record
		var revision uint64
		if r, revision, err = f.get(ctx); err == nil && change(&r) {
			_, err = f.put(ctx, r, revision)
		}
	}
	if err != nil {
		f.in.log(slog.LevelWarn, trouble, slog.Any("error", err))
	}
}

// share writes a session that follows another.
func (f *follower) share(before string, next gateway.Session) {
	f.update("the renewed GUID is not shared", func(r *record) bool {
		if r.GUID != before {
			return false
		}
		r.GUID, r.Cookie = next.GUID, next.Cookie
		return true
	})
}

// leave gives the next keeper a session that was kept or made here, as the former one,
// where that keeper has none.
func (f *follower) leave(s gateway.Session, trouble string, also func(*record) bool) {
	f.update(trouble, func(r *record) bool {
		if r.GUID != "" || !also(r) {
			return false
		}
		r.Former, r.FormerCookie = s.GUID, s.Cookie
		return true
	})
}

// unsaved is a session that could not be written before the lease ran out.
type unsaved struct {
	before  string // the GUID that it follows, "" for none
	session gateway.Session
}

// save writes it in the next term, if nothing has happened to the session since.
func (t *term) save(ctx context.Context) {
	u := t.unsaved
	t.unsaved = nil
	if u == nil || t.lease.record().GUID != u.before {
		return
	}
	_ = t.lease.insist(ctx, func(r *record) {
		if r.GUID == u.before {
			r.GUID, r.Cookie = u.session.GUID, u.session.Cookie
		}
	})
}
