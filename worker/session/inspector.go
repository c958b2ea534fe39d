package session

import (
	"context"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// source is where an inspector's session comes from.
type source interface {
	// run keeps the inspector's session up to date until the context ends. It waits for
	// the goroutines that it has started.
	run(ctx context.Context)
	// refused hears that the gateway did not take the session in use.
	refused(used gateway.Session)
	// renewed hears of a new GUID that an answer to a call brought.
	renewed(used gateway.Session, guid string)
}

// inspector is one account at work. The pool's lock guards its fields.
type inspector struct {
	pool    *Pool
	account Account
	source  source

	session  gateway.Session
	taken    gateway.Session // of the bucket, as last taken up by a keeper
	state    state
	problem  error // why the session is not live
	doubted  bool  // a call with the session was refused
	trial    bool  // nobody knows whether the session is good: one call at a time finds out
	warning  error // what threatens the session while it is live
	inFlight int
	limit    limit
	right    right

	passwordUntil time.Time // zero where nobody knows
}

// open connects the inspector with the source of its session.
func (in *inspector) open(ctx context.Context) error {
	if in.account.kept() || in.account.Shared {
		shelf, err := openShelf(ctx, in.pool.cfg, in.account.Inspector)
		if err != nil {
			return err
		}
		f := &follower{in: in, shelf: shelf}
		if in.account.Shared {
			in.source = &shared{f}
		} else {
			in.source = newKept(f)
		}
		return nil
	}
	g := &given{in: in, nudge: make(chan struct{}, 1)}
	in.source = g
	return g.read()
}

// usable reports whether the inspector can make calls now.
func (in *inspector) usable() bool { return in.state == live && !in.right.barred() }

// may reports whether a wish allows this inspector.
func (in *inspector) may(w Wish) bool {
	return in.usable() && in.account.Inspector != w.WorkNo &&
		(w.Inspector == "" || w.Inspector == in.account.Inspector)
}

// free reports whether the inspector may make one more call beside those in flight.
func (in *inspector) free() bool {
	if in.trial && in.inFlight > 0 {
		return false
	}
	return in.inFlight < in.limit.calls() && in.right.allows(in.inFlight)
}

// better compares two inspectors that are both free.
func (in *inspector) better(other *inspector, w Wish) bool {
	if avoid := w.Avoid; avoid != "" && (in.account.Inspector == avoid) != (other.account.Inspector == avoid) {
		return other.account.Inspector == avoid
	}
	return in.inFlight < other.inFlight
}

// trouble is why the inspector is not usable.
func (in *inspector) trouble() error {
	if in.trial {
		return ErrNotRenewed
	}
	if in.state == live {
		return in.right.why
	}
	return in.problem
}

// subject is where workers talk about an inspector's session.
func (in *inspector) subject(kind string) string {
	return in.pool.cfg.Prefix.Session(kind, in.pool.cfg.VCC, in.account.Inspector)
}

func (in *inspector) log(level slog.Level, event string, attrs ...slog.Attr) {
	in.pool.cfg.Log.LogAttrs(context.Background(), level, event, in.named(attrs)...)
}

// note logs once the pool's lock, which the caller holds, is free.
func (in *inspector) note(level slog.Level, event string, attrs ...slog.Attr) {
	in.pool.mu.note(line{level, event, in.named(attrs)})
}

func (in *inspector) named(attrs []slog.Attr) []slog.Attr {
	return append([]slog.Attr{slog.String("vcc", in.pool.cfg.VCC), slog.String("inspector", in.account.Inspector)}, attrs...)
}
