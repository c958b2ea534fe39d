package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// Kinds of messages between the workers of an inspector. They are core NATS, hold
// nothing, and a lost one costs a repetition.
const (
	askCheck  = "check"  // a call was refused: is the session still good?
	askNeeded = "needed" // does anybody else need the session?
)

// repeatCheck is how often workers ask again for a check of a doubted session.
const repeatCheck = 2 * time.Second

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
	switch {
	case r.GUID != "" && (r.GUID != s.GUID || r.Cookie != s.Cookie):
		f.in.set(r.session(f.in.account.Inspector))
	case r.GUID != "" && checked, r.GUID != "" && state == down:
		f.in.verified()
	case r.GUID != "":
	case r.Problem != "":
		f.in.lost(down, errors.New(r.Problem))
	default:
		f.in.lost(pending, errNoneYet)
	}
	f.seen = r
}

// watch hands each new state of the key to change until it returns false or the
// context ends. Once a second it calls idle, which may end it as well.
func (f *follower) watch(ctx context.Context, change func(record, uint64) bool, idle func() bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var updates <-chan jetstream.KeyValueEntry
	for {
		if updates == nil {
			updates = f.openWatch(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case entry, open := <-updates:
			if !open {
				updates = nil
				continue
			}
			if entry == nil { // all that was there has come
				if !idle() {
					return
				}
				continue
			}
			r, err := parseRecord(entry.Value())
			if err != nil {
				r = record{Problem: "what the bucket holds is no session: " + err.Error()}
			}
			if !change(r, entry.Revision()) {
				return
			}
		case <-ticker.C:
			if !idle() {
				return
			}
		}
	}
}

func (f *follower) openWatch(ctx context.Context) <-chan jetstream.KeyValueEntry {
	watcher, err := f.kv.Watch(ctx, f.key)
	if err != nil {
		if ctx.Err() == nil {
			f.in.log(slog.LevelWarn, "cannot watch the session", slog.Any("error", err))
		}
		return nil
	}
	context.AfterFunc(ctx, func() { _ = watcher.Stop() })
	return watcher.Updates()
}

// askForCheck makes the keeper look whether the session is still good. Where
// nobody keeps it, whoever takes over looks.
func (f *follower) askForCheck() {
	if err := f.in.pool.cfg.NATS.Publish(f.in.subject(askCheck), nil); err != nil {
		f.in.log(slog.LevelWarn, "no check of the session asked for", slog.Any("error", err))
	}
}

// shared is a session that another program, or other workers, keep.
type shared struct{ *follower }

func (s *shared) run(ctx context.Context) {
	needed, err := s.in.pool.cfg.NATS.Subscribe(s.in.subject(askNeeded), answer)
	if err == nil {
		defer func() { _ = needed.Unsubscribe() }()
	}
	var asked time.Time
	pause, next := firstCheck, time.Now()
	s.watch(ctx, func(r record, _ uint64) bool {
		if r.GUID == "" && r.Problem == "" {
			r.Problem = fmt.Sprintf("the bucket %s holds no GUID under %s", s.kv.Bucket(), s.key)
		}
		s.apply(r)
		return true
	}, func() bool {
		current, state := s.in.current()
		switch {
		case state == live:
			pause, asked = firstCheck, time.Time{}
		case current.GUID == "":
			s.in.lost(down, fmt.Errorf("the bucket %s holds no GUID under %s", s.kv.Bucket(), s.key))
		case asked.IsZero():
			asked, next = time.Now(), time.Now().Add(pause)
		case time.Now().After(next):
			if state == pending && time.Since(asked) > 5*time.Second {
				s.in.lost(down, ErrNotRenewed)
			}
			pause = min(2*pause, lastCheck)
			next = time.Now().Add(pause)
			s.check(ctx, current)
		}
		return true
	})
}

// check looks whether a refused session is taken again.
func (s *shared) check(ctx context.Context, current gateway.Session) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if judge(s.in.pool.cfg.Gateway.OwnState(ctx, current)) == alive {
		s.in.verified()
	}
}

func (s *shared) refused(gateway.Session) error {
	s.askForCheck()
	return nil
}

// renewed takes up a GUID for this process only: the bucket is somebody else's.
func (s *shared) renewed(used gateway.Session, guid string) { s.in.rotate(used, guid) }
