package session

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// kept is a session that the workers sign in, keep alive and share. Each worker follows
// what the bucket says; the one that holds the lease keeps. All but doubts belongs to
// the goroutine of run.
type kept struct {
	*follower
	doubts    doubts
	silence   silence
	signIns   signIns
	passwords passwords
	needed    *nats.Subscription // answers that this worker needs the session

	unsaved *unsaved  // nil where all is in the bucket
	orphan  time.Time // until when a session may live whose GUID nobody has heard
	rest    time.Time // not to be keeper before
}

func newKept(f *follower) *kept {
	return &kept{follower: f, doubts: newDoubts(), silence: silence{limit: f.in.pool.cfg.CutOff}}
}

// stateFunc is one state of a worker towards a kept session. It lasts as long as the
// call and returns the next one, nil for none.
type stateFunc func(context.Context) stateFunc

// drive goes from state to state. follow, lead and retire go by it, and within lead,
// as long as the lease lasts, choose, signIn and poll.
func drive(ctx context.Context, state stateFunc) {
	for state != nil {
		state = state(ctx)
	}
}

func (k *kept) run(ctx context.Context) {
	var err error
	if k.needed, err = k.sayNeeded(); err != nil {
		k.in.log(slog.LevelError, "cannot say that the session is needed", slog.Any("error", err))
		return
	}
	defer k.noLongerNeeded()
	checks, err := k.in.pool.cfg.NATS.Subscribe(k.in.subject(askCheck), func(*nats.Msg) { k.doubts.raise() })
	if err != nil {
		k.in.log(slog.LevelError, "cannot hear of refused sessions", slog.Any("error", err))
		return
	}
	defer func() { _ = checks.Unsubscribe() }()
	drive(ctx, k.follow)
}

func (k *kept) noLongerNeeded() { _ = k.needed.Unsubscribe() }

// refused makes the keeper look; it may be this worker.
func (k *kept) refused(gateway.Session) { k.askForCheck() }

// renewed shares a GUID that an answer to a call brought.
func (k *kept) renewed(used gateway.Session, guid string) {
	next := used
	if next.GUID = guid; k.in.replace(used, next) {
		k.share(used.GUID, next)
	}
}
