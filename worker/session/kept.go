package session

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// kept is a session that the workers sign in, keep alive and share. Each worker
// follows what the bucket says; the one that holds the lease keeps.
type kept struct {
	*follower
	nudge  chan struct{} // a check was asked for; has room for one
	signIn signIn

	unsaved  *unsaved     // nil where all is in the bucket
	nudgedAt atomic.Int64 // the oldest nudge that is not answered, 0 for none

	unheard  time.Time // since when the gateway gives no answer; zero while it does
	rest     time.Time // not to be keeper before
	takeover time.Time // when the lease counts as abandoned
	revision uint64    // of what was seen last
}

func newKept(f *follower) *kept {
	return &kept{follower: f, nudge: make(chan struct{}, 1)}
}

func newLeaseID() string { return uuid.NewString() }

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
func (k *kept) refused(gateway.Session) error {
	k.askForCheck()
	return nil
}

// renewed shares a GUID that an answer to a call brought.
func (k *kept) renewed(used gateway.Session, guid string) {
	if !k.in.rotate(used, guid) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), putTime)
	defer cancel()
	err := errOvertaken
	for errors.Is(err, errOvertaken) {
		var r record
		var revision uint64
		if r, revision, err = k.get(ctx); err == nil && r.GUID == used.GUID {
			r.GUID = guid
			_, err = k.put(ctx, r, revision)
		}
	}
	if err != nil {
		k.in.log(slog.LevelWarn, "the renewed GUID is not shared", slog.Any("error", err))
	}
}

// follow uses what the keeper writes until this worker has become the keeper; it
// returns nil when the context ends first.
func (k *kept) follow(ctx context.Context) *tenure {
	var t *tenure
	var seen record
	asked, trusted := time.Now(), false
	k.revision = 0
	k.silence()
	try := func() bool {
		var err error
		if t, err = k.take(ctx, seen, k.revision); err == nil {
			return false
		}
		if errors.Is(err, errOvertaken) {
			k.silence() // the other's record is on its way
		} else if ctx.Err() == nil {
			k.in.log(slog.LevelWarn, "keeper's lease not taken", slog.Any("error", err))
		}
		return true
	}
	k.watch(ctx, func(r record, revision uint64) bool {
		// What was there before may be long dead: a keeper's next sign of life
		// makes it good.
		if trusted = trusted || k.revision != 0; trusted || r.GUID == "" {
			k.apply(r)
		} else {
			k.seen = r
			k.askForCheck()
		}
		seen, k.revision = r, revision
		k.silence()
		return r.Lease != "" || time.Now().Before(k.rest) || try()
	}, func() bool {
		if _, state := k.in.current(); state == pending && k.seen.GUID != "" && time.Since(asked) >= repeatCheck {
			asked = time.Now()
			k.askForCheck()
		}
		// Without any record nobody keeps it either.
		taken := k.revision != 0 && seen.Lease != "" && time.Now().Before(k.takeover)
		return taken || time.Now().Before(k.rest) || try()
	})
	if t != nil {
		k.in.log(slog.LevelInfo, "this worker keeps the session", slog.String("before", seen.Keeper))
	}
	return t
}

// silence starts the wait for the keeper's next sign of life.
func (k *kept) silence() { k.takeover = time.Now().Add(k.in.pool.cfg.Lease) }

// lead keeps the session until the context ends or the lease is lost.
func (k *kept) lead(ctx context.Context, t *tenure) {
	leading, stop := context.WithCancel(ctx)
	extended := make(chan struct{})
	go func() { defer close(extended); defer stop(); t.extend(leading) }()
	k.signIn.begin(t.record())
	k.answered()
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
		_ = t.insist(leading, func(r *record) { r.GUID, r.Cookie = "", "" })
	}
	stop()
	<-extended
}

// retire ends the keeping of a worker that shuts down: another that needs the
// session goes on at once, and where there is none, the inspector is signed out
// if this worker signed in.
func (k *kept) retire(ctx context.Context, t *tenure) {
	ctx, cancel := context.WithTimeout(ctx, signInTime)
	defer cancel()
	// Only with a whole lease ahead: nobody may sign in while this signs out.
	extended := t.change(ctx, func(*record) {}) == nil
	r := t.record()
	if extended && r.GUID != "" && r.SignedInBy == k.in.pool.cfg.Instance && k.alone(ctx) {
		answer, err := k.in.pool.cfg.Gateway.SignOut(ctx, r.session(k.in.account.Inspector))
		k.in.log(slog.LevelInfo, "inspector signed out", slog.String("answer", said(answer, err)))
		r.GUID = ""
	}
	err := t.change(ctx, func(now *record) {
		if r.GUID == "" {
			now.GUID, now.Cookie = "", ""
		}
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
