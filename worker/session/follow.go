package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// repeatCheck is how often workers ask again for a check of a doubted session.
const repeatCheck = 2 * time.Second

// follow uses what the keeper writes, until this worker has become the keeper.
func (k *kept) follow(ctx context.Context) stateFunc {
	f := &following{kept: k, asked: time.Now()}
	l := f.untilKeeper(ctx)
	if l == nil {
		return nil
	}
	k.in.log(slog.LevelInfo, "this worker keeps the session", slog.String("before", f.last.Keeper))
	return (&term{kept: k, lease: l}).lead
}

// following is one time of being no keeper.
type following struct {
	*kept
	last     entry     // as last seen; without its record where it is gone
	takeover time.Time // when the keeper's lease counts as abandoned
	asked    time.Time // last, for a check
	checks   sync.WaitGroup
}

// untilKeeper returns the lease, or nil when the context ends first.
func (f *following) untilKeeper(ctx context.Context) *lease {
	watching, stop := context.WithCancel(ctx)
	defer f.checks.Wait()
	defer stop()
	watch := f.watch()
	defer watch.ticker.Stop()
	for {
		e, news := watch.next(watching)
		if ctx.Err() != nil {
			return nil
		}
		if news {
			f.see(watching, e)
		} else {
			f.repeatAsking()
		}
		if now := time.Now(); now.Before(f.rest) || !f.last.free(f.takeover, now) || !f.useful() {
			continue
		}
		if l := f.tryLease(ctx); l != nil {
			return l
		}
	}
}

// free reports whether anybody may take the lease. A record that is gone may have been
// deleted by mistake: a keeper that there may be writes it again.
func (e entry) free(takeover, now time.Time) bool {
	taken := e.gone || e.Lease != ""
	return !taken || !now.Before(takeover)
}

// see is told of each state of the record.
func (f *following) see(ctx context.Context, e entry) {
	first := f.last.revision == 0
	f.last = e
	f.heardKeeper(0)
	switch {
	case e.gone:
		f.last.record = record{}
		f.heardKeeper(f.silentFor(ctx, e))
		if s, _ := f.in.current(); s.GUID == "" && e.Problem != "" {
			f.in.lost(down, errors.New(e.Problem))
		}
		return
	case first && e.GUID != "":
		// The keeper may be dead for long, and the session alive: the gateway knows.
		f.seen = e.record
		f.in.passwordEnds(e.PasswordEnds)
		f.adoptChecked(ctx, e.session(f.in.account.Inspector))
	default:
		f.apply(e.record)
	}
	if first && e.Lease != "" {
		f.heardKeeper(f.silentFor(ctx, e))
	}
}

// heardKeeper starts the wait for the keeper's next sign of life, some of which may
// have passed.
func (f *following) heardKeeper(ago time.Duration) {
	f.takeover = time.Now().Add(f.in.pool.cfg.Lease - max(0, ago))
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

// repeatAsking asks again for a check, where the first message may have been lost.
func (f *following) repeatAsking() {
	if _, state := f.in.current(); state == pending && f.seen.GUID != "" && time.Since(f.asked) >= repeatCheck {
		f.asked = time.Now()
		f.askForCheck()
	}
}

// useful reports whether this worker would have anything to do as the keeper: a session
// to poll, or a password that may be tried soon. Where it would not, it says why there is
// no session.
func (f *following) useful() bool {
	if s, _ := f.in.current(); f.last.GUID != "" || f.last.empty() && s.GUID != "" {
		return true
	}
	cred, err := f.in.account.credentials()
	if err != nil {
		f.in.lost(down, err)
		return false
	}
	wait, ever := f.passwords.wait(f.last.record, cred.Password, f.in.pool.cfg.Now())
	if ever && wait <= patience {
		return true
	}
	why := f.last.Problem
	if why == "" {
		why = f.passwords.why(f.last.record, cred.Password)
	}
	f.in.lost(down, errors.New(why))
	return false
}

// tryLease returns the lease, or nil where somebody was faster or NATS does not answer.
func (f *following) tryLease(ctx context.Context) *lease {
	err := f.upToDate(ctx)
	if err == nil {
		var l *lease
		if l, err = f.take(ctx, f.last.record, f.last.revision); err == nil {
			return l
		}
	}
	switch {
	case errors.Is(err, errOvertaken):
		f.heardKeeper(0) // the other's record is on its way
	case ctx.Err() == nil:
		f.in.log(slog.LevelWarn, "keeper's lease not taken", slog.Any("error", err))
	}
	return nil
}

// upToDate makes sure that the record is still what was seen last. The number of its
// revision alone does not: a bucket that was made anew counts from one again, and the
// keeper's lease may have come to the same number there before this worker sees it.
func (f *following) upToDate(ctx context.Context) error {
	if f.last.empty() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	now, err := f.entry(ctx)
	if err == nil && (now.revision != f.last.revision || now.Lease != f.last.Lease || !now.written.Equal(f.last.written)) {
		err = errOvertaken
	}
	return err
}
