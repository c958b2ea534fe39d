package session

import (
	"errors"
	"log/slog"

	"github.com/nats-io/nats.go"
)

// Kinds of messages between the workers of an inspector. They are core NATS, hold
// nothing, and a lost one costs a repetition.
const (
	askCheck  = "check"  // a call was refused: is the session still good?
	askNeeded = "needed" // does anybody else need the session?
)

// follower uses the session that the bucket holds.
type follower struct {
	in *inspector
	shelf
	seen record // as last applied
}

// apply takes over what the bucket says.
func (f *follower) apply(r record) {
	s, state := f.in.current()
	checked := r.Checked > f.seen.Checked
	f.in.passwordEnds(r.PasswordEnds)
	switch {
	case r.GUID != "" && (r.GUID != s.GUID || r.Cookie != s.Cookie):
		f.in.set(r.session(f.in.account.Inspector))
	case r.GUID != "" && checked, r.GUID != "" && state == down:
		f.in.verified(true)
	case r.GUID != "":
	case r.Problem != "":
		f.in.lost(down, errors.New(r.Problem))
	default:
		f.in.lost(pending, errNoneYet)
	}
	f.seen = r
}

// askForCheck makes the keeper look whether the session is still good. Where nobody
// keeps it, whoever takes over looks.
func (f *follower) askForCheck() {
	if err := f.in.pool.cfg.NATS.Publish(f.in.subject(askCheck), nil); err != nil {
		f.in.log(slog.LevelWarn, "no check of the session asked for", slog.Any("error", err))
	}
}

// sayNeeded answers a keeper that shuts down that this worker needs the session.
func (f *follower) sayNeeded() (*nats.Subscription, error) {
	return f.in.pool.cfg.NATS.Subscribe(f.in.subject(askNeeded), func(m *nats.Msg) { _ = m.Respond(nil) })
}
