package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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

// entry is a state of the key.
type entry struct {
	record
	revision uint64
	written  time.Time // by the server's clock
	gone     bool      // deleted, or written over with what is no record
}

// watch hands each new state of the key to change until it returns false or the
// context ends. Once a second it calls idle, which may end it as well.
func (f *follower) watch(ctx context.Context, change func(entry) bool, idle func() bool) {
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
		case came, open := <-updates:
			if !open {
				updates = nil
				continue
			}
			if came == nil { // all that was there has come
				if !idle() {
					return
				}
				continue
			}
			if !change(entryOf(came)) {
				return
			}
		case <-ticker.C:
			if !idle() {
				return
			}
		}
	}
}

func entryOf(came jetstream.KeyValueEntry) entry {
	r, err := parseRecord(came.Value())
	if err != nil {
		r = notARecord(err)
	}
	return entry{r, came.Revision(), came.Created(), err != nil || came.Operation() != jetstream.KeyValuePut}
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

// follow uses what the keeper writes until this worker has become the keeper; it
// returns nil when the context ends first.
func (k *kept) follow(ctx context.Context) *lease {
	f := &following{kept: k, asked: time.Now()}
	k.revision = 0
	k.silence(0)
	checking, stop := context.WithCancel(ctx)
	k.watch(ctx, func(e entry) bool { return f.changed(checking, e) }, func() bool { return f.idle(ctx) })
	stop()
	f.checks.Wait()
	if f.lease != nil {
		k.in.log(slog.LevelInfo, "this worker keeps the session", slog.String("before", f.last.Keeper))
	}
	return f.lease
}

// following is one time of being no keeper.
type following struct {
	*kept
	lease  *lease // what it ends with
	last   record // as last seen
	asked  time.Time
	checks sync.WaitGroup

	written time.Time // when last was, by the server's clock
}

// changed is told of each state of the record. Both methods report whether to go on.
func (f *following) changed(ctx context.Context, e entry) bool {
	first := f.revision == 0
	f.revision, f.written = e.revision, e.written
	switch {
	case e.gone:
		// By mistake: a keeper that there may be writes it again, and the session goes on.
		f.last = record{}
		f.silence(f.silentFor(ctx, e))
		if s, _ := f.in.current(); s.GUID == "" && e.Problem != "" {
			f.in.lost(down, errors.New(e.Problem))
		}
		return true
	case first && e.GUID != "":
		// The keeper may be dead for long, and the session alive: the gateway knows.
		f.seen = e.record
		f.adoptChecked(ctx, e.session(f.in.account.Inspector))
	default:
		f.apply(e.record)
	}
	f.last = e.record
	f.silence(0)
	if first && e.Lease != "" {
		f.silence(f.silentFor(ctx, e))
	}
	return e.Lease != "" || f.try(ctx)
}

// idle looks whether the lease is abandoned.
func (f *following) idle(ctx context.Context) bool {
	if _, state := f.in.current(); state == pending && f.seen.GUID != "" && time.Since(f.asked) >= repeatCheck {
		f.asked = time.Now()
		f.askForCheck()
	}
	// Without any record nobody keeps it either.
	taken := f.revision != 0 && (f.last.Lease != "" || f.last.empty()) && time.Now().Before(f.takeover)
	return taken || f.try(ctx)
}

// adoptChecked takes up a session that is there from before, when the gateway says
// that it is good. Where it does not, the keeper knows more.
func (f *following) adoptChecked(ctx context.Context, s gateway.Session) {
	if f.in.adopt(s) {
		return
	}
	f.askForCheck()
	f.checks.Go(func() {
		if f.in.pool.askApart(ctx, s) == alive {
			f.in.verifiedAs(s)
		}
	})
}

// silentFor is how long the keeper had been silent when this worker began to look.
func (f *following) silentFor(ctx context.Context, e entry) time.Duration {
	age, err := f.age(ctx, e.written)
	if err != nil {
		f.in.log(slog.LevelWarn, "not known since when the keeper is silent", slog.Any("error", err))
		return 0
	}
	return age
}

// silence starts the wait for the keeper's next sign of life, some of which may have
// passed.
func (k *kept) silence(passed time.Duration) {
	k.takeover = time.Now().Add(k.in.pool.cfg.Lease - max(0, passed))
}

// try takes the lease, if this worker can do anything with it.
func (f *following) try(ctx context.Context) bool {
	if time.Now().Before(f.rest) || !f.can(f.last) {
		return true
	}
	err := f.upToDate(ctx)
	if err == nil {
		f.lease, err = f.take(ctx, f.last, f.revision)
	}
	if err == nil {
		return false
	}
	if errors.Is(err, errOvertaken) {
		f.silence(0) // the other's record is on its way
	} else if ctx.Err() == nil {
		f.in.log(slog.LevelWarn, "keeper's lease not taken", slog.Any("error", err))
	}
	return true
}

// upToDate makes sure that the record is still what was seen last. The number of its
// revision alone does not: a bucket that was made anew counts from one again, and the
// keeper's lease may have come to the same number there before it is seen.
func (f *following) upToDate(ctx context.Context) error {
	if f.revision == 0 || f.last.empty() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	now, err := f.entry(ctx)
	if err == nil && (now.revision != f.revision || now.Lease != f.last.Lease || !now.written.Equal(f.written)) {
		err = errOvertaken
	}
	return err
}

// can reports whether a keeper would have anything to do: a session to poll, or a
// password that may be tried soon.
func (f *following) can(r record) bool {
	if s, _ := f.in.current(); r.GUID != "" || r.empty() && s.GUID != "" {
		return true
	}
	cred, err := f.in.account.credentials()
	if err != nil {
		f.in.lost(down, err)
		return false
	}
	wait, ever := f.passwords.wait(r, cred.Password, f.in.pool.cfg.Now())
	if ever && wait <= patience {
		return true
	}
	why := r.Problem
	if why == "" {
		why = f.passwords.why(r, cred.Password)
	}
	f.in.lost(down, errors.New(why))
	return false
}

// shared is a session that another program, or other workers, keep.
type shared struct{ *follower }

func (s *shared) run(ctx context.Context) {
	needed, err := s.in.pool.cfg.NATS.Subscribe(s.in.subject(askNeeded), answer)
	if err == nil {
		defer func() { _ = needed.Unsubscribe() }()
	}
	trial := newTrial(s.in)
	s.watch(ctx, func(e entry) bool {
		if e.GUID == "" && e.Problem == "" {
			e.Problem = fmt.Sprintf("the bucket %s holds no GUID under %s", s.kv.Bucket(), s.key)
		}
		s.apply(e.record)
		return true
	}, func() bool {
		if current, _ := s.in.current(); current.GUID == "" {
			s.in.lost(down, fmt.Errorf("the bucket %s holds no GUID under %s", s.kv.Bucket(), s.key))
		} else {
			trial.look(ctx)
		}
		return true
	})
}

func (s *shared) refused(gateway.Session) { s.askForCheck() }

// renewed takes up a GUID for this process only: the bucket is somebody else's.
func (s *shared) renewed(used gateway.Session, guid string) { s.in.renew(used, guid) }
