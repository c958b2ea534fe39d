package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// putTime bounds one look at the bucket or one write.
const putTime = 5 * time.Second

// errTenureLost says that this worker does not keep the session any more.
var errTenureLost = errors.New("another worker keeps the session, or may do so by now")

// tenure is the time in which this worker keeps a session. It holds as long as
// its lease in the bucket, counted from before the last write was sent: the
// others count from when they saw it. So this one stops before they start,
// also when it was paused or cut off.
type tenure struct {
	shelf
	in   *inspector
	life time.Duration // how long the others wait in silence

	mu       sync.Mutex
	rec      record
	revision uint64
	until    time.Time
}

// take tries to become the keeper, if nobody has written since the revision.
func (k *kept) take(ctx context.Context, r record, revision uint64) (*tenure, error) {
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	t := &tenure{shelf: k.shelf, in: k.in, life: k.in.pool.cfg.Lease}
	if s, _ := k.in.current(); r.empty() && s.GUID != "" {
		r.GUID, r.Cookie = s.GUID, s.Cookie // the record was deleted, and the session goes on
	}
	r.Keeper, r.Lease = k.in.pool.cfg.Instance, newLeaseID()
	sent := time.Now()
	revision, err := k.put(ctx, r, revision)
	if err != nil {
		return nil, err
	}
	t.rec, t.revision, t.until = r, revision, sent.Add(t.ours())
	return t, nil
}

// ours is how long a write holds for this worker: an eighth less than the others
// wait, for clocks that run differently.
func (t *tenure) ours() time.Duration { return t.life - t.life/8 }

// end is until when this worker surely is the only keeper.
func (t *tenure) end() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.until
}

// while is a context that ends with the lease at the latest, so that nothing that
// needs it outlives it: a sign-in may take long, and so may a poll.
func (t *tenure) while(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for left := time.Until(t.end()); wait(ctx, left) == nil; left = time.Until(t.end()) {
			if left <= 0 {
				cancel(errTenureLost)
				return
			}
		}
	}()
	return ctx, func() {
		cancel(context.Canceled)
		<-watched
	}
}

// giveUp ends the lease before its time.
func (t *tenure) giveUp(ctx context.Context) error {
	if err := t.change(ctx, func(r *record) { r.Keeper, r.Lease = "", "" }); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = time.Time{}
	return nil
}

// holds reports whether this worker surely is the only keeper.
func (t *tenure) holds() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Now().Before(t.until)
}

func (t *tenure) record() record {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rec
}

// change writes the record with a change and so extends the lease. It fails for
// good with errTenureLost.
func (t *tenure) change(ctx context.Context, change func(*record)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		left := time.Until(t.until)
		if left <= 0 {
			return errTenureLost
		}
		r := t.rec
		change(&r)
		err := t.write(ctx, r, min(left, putTime))
		if !errors.Is(err, errOvertaken) {
			return err
		}
		if err := t.reread(ctx, min(left, putTime)); err != nil {
			return err
		}
	}
}

func (t *tenure) write(ctx context.Context, r record, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	sent := time.Now()
	revision, err := t.put(ctx, r, t.revision)
	if err != nil {
		return err
	}
	t.rec, t.revision, t.until = r, revision, sent.Add(t.ours())
	return nil
}

// reread looks who has written: this worker, whose acknowledgement was lost,
// another that shares a renewed GUID, or a new keeper.
func (t *tenure) reread(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, revision, err := t.get(ctx)
	if err != nil {
		return err
	}
	if r.empty() {
		t.revision = revision // deleted, and nobody else's: it is written again
		return nil
	}
	if r.Lease != t.rec.Lease {
		t.until = time.Time{}
		return errTenureLost
	}
	t.rec, t.revision = r, revision
	return nil
}

// extend keeps the lease until the context ends or it is lost.
func (t *tenure) extend(ctx context.Context) {
	pause := t.life * 5 / 8
	for wait(ctx, pause) == nil {
		err := t.change(ctx, func(*record) {})
		switch {
		case err == nil:
			pause = t.life * 5 / 8
		case ctx.Err() != nil:
			return
		case errors.Is(err, errTenureLost):
			t.in.log(slog.LevelWarn, "keeper's lease lost", slog.Any("error", err))
			return
		default:
			t.in.log(slog.LevelWarn, "keeper's lease not extended", slog.Any("error", err))
			pause = t.life / 12
		}
	}
}

// insist writes a change that must not be lost, as long as the lease holds.
func (t *tenure) insist(ctx context.Context, change func(*record)) error {
	for {
		err := t.change(ctx, change)
		if err == nil || errors.Is(err, errTenureLost) || ctx.Err() != nil {
			return err
		}
		t.in.log(slog.LevelWarn, "session not written", slog.Any("error", err))
		if err := wait(ctx, t.life/24); err != nil {
			return fmt.Errorf("writing the session: %w", err)
		}
	}
}
