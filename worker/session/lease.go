package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
)

// putTime bounds one look at the bucket or one write.
const putTime = 5 * time.Second

// errLeaseLost says that this worker does not keep the session any more.
var errLeaseLost = errors.New("another worker keeps the session, or may do so by now")

// lease is the keeper's right to a session, as the record in the bucket has it. It
// counts from before the last write was sent; the others count from when they saw that
// write. So this worker stops before another begins, also when it was paused or cut off.
type lease struct {
	shelf
	in   *inspector
	life time.Duration // how long the others wait in silence
	turn chan struct{} // whoever has put something in writes; has room for one

	mu       sync.Mutex // guards what the last write came to, and is free while one is made
	rec      record
	revision uint64
	until    time.Time
}

// take tries to become the keeper, if nobody has written since the revision.
func (k *kept) take(ctx context.Context, r record, revision uint64) (*lease, error) {
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	l := &lease{shelf: k.shelf, in: k.in, life: k.in.pool.cfg.Lease, turn: make(chan struct{}, 1)}
	if s, _ := k.in.current(); r.empty() && s.GUID != "" {
		r.GUID, r.Cookie = s.GUID, s.Cookie // the record was deleted, and the session goes on
	}
	r.Keeper, r.Lease = k.in.pool.cfg.Instance, uuid.NewString()
	sent := time.Now()
	revision, err := k.put(ctx, r, revision)
	if err != nil {
		return nil, err
	}
	l.written(r, revision, sent)
	return l, nil
}

// keep extends the lease until stop is called. The context that it returns ends with
// the lease at the latest, so that nothing that needs the lease outlives it: a sign-in
// may take long, and so may a poll.
func (l *lease) keep(ctx context.Context) (leading context.Context, stop func()) {
	leading, cancel := context.WithCancelCause(ctx)
	var both sync.WaitGroup
	both.Go(func() { l.watchEnd(leading, cancel) })
	both.Go(func() { l.extend(leading); cancel(context.Canceled) })
	return leading, func() {
		cancel(context.Canceled)
		both.Wait()
	}
}

// watchEnd ends what the lease allows when its time is over.
func (l *lease) watchEnd(ctx context.Context, cancel context.CancelCauseFunc) {
	for left := l.left(); wait(ctx, left) == nil; left = l.left() {
		if left <= 0 {
			cancel(errLeaseLost)
			return
		}
	}
}

// extend writes the record again and again, until the context ends or the lease is lost.
func (l *lease) extend(ctx context.Context) {
	pause := l.life * 5 / 8
	for wait(ctx, pause) == nil {
		err := l.change(ctx, func(*record) {})
		switch {
		case err == nil:
			pause = l.life * 5 / 8
		case ctx.Err() != nil:
			return
		case errors.Is(err, errLeaseLost):
			l.in.log(slog.LevelWarn, "keeper's lease lost", slog.Any("error", err))
			return
		default:
			l.in.log(slog.LevelWarn, "keeper's lease not extended", slog.Any("error", err))
			pause = l.life / 12
		}
	}
}

// left is how long this worker surely is the only keeper.
func (l *lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.until)
}

func (l *lease) holds() bool { return l.left() > 0 }

func (l *lease) record() record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rec
}

// giveUp ends the lease before its time.
func (l *lease) giveUp(ctx context.Context) error {
	if err := l.change(ctx, func(r *record) { r.Keeper, r.Lease = "", "" }); err != nil {
		return err
	}
	l.lose()
	return nil
}

func (l *lease) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Time{}
}

// insist writes a change that must not be lost, as long as the lease holds.
func (l *lease) insist(ctx context.Context, change func(*record)) error {
	for {
		err := l.change(ctx, change)
		if err == nil || errors.Is(err, errLeaseLost) || ctx.Err() != nil {
			return err
		}
		l.in.log(slog.LevelWarn, "session not written", slog.Any("error", err))
		if err := wait(ctx, l.life/24); err != nil {
			return fmt.Errorf("writing the session: %w", err)
		}
	}
}

// change writes the record with a change and so extends the lease. It fails for good
// with errLeaseLost. Where somebody else has written, it changes what they wrote.
func (l *lease) change(ctx context.Context, change func(*record)) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		left := l.left()
		if left <= 0 {
			return errLeaseLost
		}
		r := l.record()
		change(&r)
		err := l.write(ctx, r, min(left, putTime))
		if !errors.Is(err, errOvertaken) {
			return err
		}
		if err := l.reread(ctx, min(left, putTime)); err != nil {
			return err
		}
	}
}

func (l *lease) write(ctx context.Context, r record, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	sent := time.Now()
	revision, err := l.put(ctx, r, l.seen())
	if err != nil {
		return err
	}
	l.written(r, revision, sent)
	return nil
}

func (l *lease) seen() (revision uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.revision
}

// written notes a write. It holds for this worker an eighth shorter than the others
// wait, for clocks that run differently.
func (l *lease) written(r record, revision uint64, sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rec, l.revision, l.until = r, revision, sent.Add(l.life-l.life/8)
}

// reread looks who has written: this worker, whose acknowledgement was lost, another
// that shares a renewed GUID, or a new keeper.
func (l *lease) reread(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, revision, err := l.get(ctx)
	if err != nil {
		return err
	}
	if !r.empty() && r.Lease != l.record().Lease {
		l.lose()
		return errLeaseLost
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.revision = revision; !r.empty() { // else deleted, and nobody else's: it is written again
		l.rec = r
	}
	return nil
}
