package session

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/gateway"
)

// retireTime bounds the end of a keeper that shuts down.
const retireTime = 8 * time.Second

// kept is a session that the workers sign in, keep alive and share. Each worker
// follows what the bucket says; the one that holds the lease keeps.
type kept struct {
	*follower
	nudge     chan struct{} // a check was asked for; has room for one
	nudgedAt  atomic.Int64  // the oldest nudge that is not answered, 0 for none
	signIn    signIn
	passwords passwords

	unsaved *unsaved    // nil where all is in the bucket
	orphan  time.Time   // until when a session may live whose sign-in's answer was lost
	polled  atomic.Bool // a poll has been answered in this tenure
	missed  time.Time   // when a poll may have brought a GUID that nobody has heard; zero for never

	unheard  time.Time // since when the gateway gives no answer; zero while it does
	rest     time.Time // not to be keeper before
	takeover time.Time // when the lease counts as abandoned
	revision uint64    // of what was seen last
}

func newKept(f *follower) *kept {
	return &kept{follower: f, nudge: make(chan struct{}, 1)}
}

// answer says that this worker needs the session.
func answer(m *nats.Msg) { _ = m.Respond(nil) }

func (k *kept) run(ctx context.Context) {
	nc := k.in.pool.cfg.NATS
	needed, err := nc.Subscribe(k.in.subject(askNeeded), answer)
	if err != nil {
		k.in.log(slog.LevelError, "cannot say that the session is needed", slog.Any("error", err))
		return
	}
	checks, err := nc.Subscribe(k.in.subject(askCheck), func(*nats.Msg) { k.nudged() })
	if err != nil {
		k.in.log(slog.LevelError, "cannot hear of refused sessions", slog.Any("error", err))
		return
	}
	defer func() { _ = checks.Unsubscribe() }()
	for ctx.Err() == nil {
		t := k.follow(ctx)
		if t == nil {
			break
		}
		k.lead(ctx, t)
		if ctx.Err() != nil {
			_ = needed.Unsubscribe()
			k.retire(context.WithoutCancel(ctx), t)
			return
		}
	}
	_ = needed.Unsubscribe()
}

func (k *kept) nudged() {
	k.nudgedAt.CompareAndSwap(0, time.Now().UnixNano())
	select {
	case k.nudge <- struct{}{}:
	default:
	}
}

// refused makes the keeper look; it may be this worker.
func (k *kept) refused(gateway.Session) { k.askForCheck() }

// renewed shares a GUID that an answer to a call brought.
func (k *kept) renewed(used gateway.Session, guid string) {
	next := used
	if next.GUID = guid; k.in.replace(used, next) {
		k.share(used.GUID, next)
	}
}

// share writes a session that follows another, whoever has the lease.
func (k *kept) share(before string, next gateway.Session) {
	k.write("the renewed GUID is not shared", func(r *record) bool {
		if r.GUID != before {
			return false
		}
		r.GUID, r.Cookie = next.GUID, next.Cookie
		return true
	})
}

// write changes the record without a lease, unless there is nothing to change.
func (k *kept) write(trouble string, change func(*record) bool) {
	ctx, cancel := context.WithTimeout(context.Background(), putTime)
	defer cancel()
	err := errOvertaken
	for errors.Is(err, errOvertaken) {
		var r record
		var revision uint64
		if r, revision, err = k.get(ctx); err == nil && change(&r) {
			_, err = k.put(ctx, r, revision)
		}
	}
	if err != nil {
		k.in.log(slog.LevelWarn, trouble, slog.Any("error", err))
	}
}

// lead keeps the session until the context ends or the lease is lost.
func (k *kept) lead(ctx context.Context, t *lease) {
	leading, stop := t.keep(ctx)
	k.answered()
	k.orphan = t.record().Orphan
	k.save(leading, t)
	for leading.Err() == nil && t.holds() {
		if k.cutOff() {
			k.release(leading, t)
			break
		}
		if t.record().GUID == "" {
			k.signInUntilDone(leading, t)
			continue
		}
		why := k.hold(leading, t)
		if leading.Err() != nil || !t.holds() || errors.Is(why, errCutOff) {
			continue
		}
		k.in.log(slog.LevelWarn, "session lost", slog.Any("error", why))
		k.in.lost(pending, why)
		if !k.missed.IsZero() && !errors.Is(why, errEvicted) {
			k.orphan = clock.Later(k.orphan, k.missed.Add(gateway.SessionLife+orphanMargin))
		}
		_ = t.insist(leading, func(r *record) { r.end(); r.Orphan = clock.Later(r.Orphan, k.orphan) })
	}
	stop()
	if ctx.Err() == nil {
		k.leaveSession(t)
	}
}

// leaveSession gives a session that was kept here to whoever has the lease now, if
// that one has none: the record may have been deleted and made anew without it.
func (k *kept) leaveSession(t *lease) {
	mine := t.record()
	if mine.GUID == "" {
		return
	}
	k.write("the session is not left to the new keeper", func(r *record) bool {
		if r.GUID != "" || r.Former != "" || r.Lease == "" || r.Lease == mine.Lease {
			return false
		}
		r.Former, r.FormerCookie = mine.GUID, mine.Cookie
		return true
	})
}

// retire ends the keeping of a worker that shuts down: another that needs the
// session goes on at once, and where there is none, the inspector is signed out
// if this worker signed in. A session that may not be over is kept in mind.
func (k *kept) retire(ctx context.Context, t *lease) {
	ctx, cancel := context.WithTimeout(ctx, retireTime)
	defer cancel()
	// Only with a whole lease ahead: nobody may sign in while this signs out.
	extended := t.change(ctx, func(*record) {}) == nil
	r := t.record()
	over := func(*record) {}
	if extended && r.GUID != "" && r.SignedInBy == k.in.pool.cfg.Instance && k.alone(ctx) {
		answer, err := k.in.pool.cfg.Gateway.SignOut(ctx, r.session(k.in.account.Inspector))
		k.in.log(slog.LevelInfo, "inspector signed out", slog.String("answer", said(answer, err)))
		over = func(r *record) { r.end() }
		if k.in.pool.judge(answer, err) == alive {
			over = func(r *record) { r.GUID, r.Cookie = "", "" }
		}
	}
	err := t.change(ctx, func(now *record) {
		over(now)
		now.Keeper, now.Lease = "", ""
	})
	if err != nil {
		k.in.log(slog.LevelWarn, "session not handed over; another worker takes it when the lease ends", slog.Any("error", err))
	}
}

// alone reports whether no other worker needs the session. Not knowing means no.
func (k *kept) alone(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := k.in.pool.cfg.NATS.RequestWithContext(ctx, k.in.subject(askNeeded), nil)
	return errors.Is(err, nats.ErrNoResponders)
}
