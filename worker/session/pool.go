package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// Why no inspector can be had.
var (
	ErrItself  = errors.New("an inspector cannot sign itself out")
	ErrUnknown = errors.New("the command names an inspector that this worker does not have")
	// ErrPending: a session is on its way, wait for Changed.
	ErrPending = errors.New("the inspector's session is being renewed")
	// ErrDown: there is none, and none is to be expected soon.
	ErrDown = errors.New("no inspector has a usable session")
	// ErrHalted: there may be, but the gateway is down and no call is made.
	ErrHalted = errors.New("no calls are made while the gateway is down")
	// ErrStopped: the caller wishes no inspector any more.
	ErrStopped = errors.New("the wish for an inspector was withdrawn")
)

// DefaultLease is how long a keeper may be silent before another takes over.
const DefaultLease = 13 * time.Second

// Config is what a pool needs.
type Config struct {
	Prefix      messages.Prefix
	VCC         string
	Instance    string          // name of this worker
	NATS        *nats.Conn      // for shared and kept sessions
	API         streams.API     // where JetStream is, if not in the account itself
	Gateway     *gateway.Client // required
	Concurrency int             // calls in flight, over all inspectors; required
	Listen      bool            // hear of agents' sign-outs, for Watch
	Lease       time.Duration   // of a keeper; 0 means DefaultLease
	CutOff      time.Duration   // without an answer of the gateway another may keep; 0 means 30 s
	SignInTime  time.Duration   // of one sign-in; 0 means DefaultSignInTime
	PollTime    time.Duration   // of one poll; 0 means DefaultPollTime
	LockRetry   time.Duration   // between sign-ins to an account that needs a person; 0 means DefaultLockRetry
	Taken       []string        // retcodes of a sign-in that mean what 100-002 means
	Retcodes    *retcode.Table  // nil means the table without changes
	Log         *slog.Logger    // required

	// Wait waits between sign-ins, and Now tells what is due; nil for real time. Tests
	// turn a clock with them.
	Wait func(context.Context, time.Duration) error
	Now  func() time.Time
}

// Defaults of Config.
const (
	DefaultSignInTime = 60 * time.Second
	DefaultPollTime   = 75 * time.Second
	DefaultLockRetry  = 30 * time.Minute
)

func (c Config) withDefaults() (Config, error) {
	c.Lease = cmp.Or(c.Lease, DefaultLease)
	c.CutOff = cmp.Or(c.CutOff, cutOffTime)
	c.SignInTime = cmp.Or(c.SignInTime, DefaultSignInTime)
	c.PollTime = cmp.Or(c.PollTime, DefaultPollTime)
	c.LockRetry = cmp.Or(c.LockRetry, DefaultLockRetry)
	if c.Wait == nil {
		c.Wait = wait
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	var err error
	if c.Retcodes == nil {
		c.Retcodes, err = retcode.New(nil)
	}
	return c, err
}

// Pool is the inspectors of one VCC. It hands one to each call and so bounds how
// many calls are in flight. It is safe for concurrent use.
type Pool struct {
	cfg        Config
	inspectors []*inspector
	watches    watches

	mu       sync.Mutex
	most     int // calls in flight
	inFlight int
	waiters  []*waiter     // the most urgent first
	changed  chan struct{} // closed at the next change of a session
}

// NewPool returns the pool of these accounts. Sessions that are not given are
// there only when Run is at work. The errors are those of Validate, and
// of a bucket that is missing.
func NewPool(ctx context.Context, cfg Config, accounts []Account) (*Pool, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Pool{cfg: cfg, most: cfg.Concurrency, changed: make(chan struct{}), watches: watches{waiting: map[string][]chan struct{}{}}}
	if err := Validate(accounts); err != nil {
		return nil, err
	}
	for _, account := range accounts {
		in := &inspector{pool: p, account: account, limit: newLimit(cfg.Concurrency), problem: errNoneYet}
		p.inspectors = append(p.inspectors, in)
		if err := in.open(ctx); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Run keeps the sessions up to date until the context ends. Then it hands over
// or ends those that are kept here, and returns.
func (p *Pool) Run(ctx context.Context) {
	var sources sync.WaitGroup
	for _, in := range p.inspectors {
		sources.Go(func() { in.source.run(ctx) })
	}
	sources.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, in := range p.inspectors {
		in.right.stop()
	}
}

// Wish says who may make a call.
type Wish struct {
	Inspector string    // only this one; "" for any
	WorkNo    string    // whom the call signs out: no inspector does that to itself
	Avoid     string    // rather another one than this
	By        time.Time // the most urgent is served first
}

// waiter is a call that waits for a free inspector.
type waiter struct {
	wish  Wish
	ready chan grant // has room for one
}

type grant struct {
	use *Use
	err error
}

// Stop ends the wait for an inspector; the zero value lets it last.
type Stop struct {
	Drained, Gone <-chan struct{}
	At            time.Time
}

// Take hands out an inspector as soon as one is free: first to whom time is
// shortest, and among equals to who came first. It returns ErrItself or ErrUnknown
// where no inspector could ever do it, ErrPending or ErrDown where none of them has
// a session, ErrHalted where no call may be made at all, and ErrStopped where the
// wait was ended. Every Use must end with Done.
func (p *Pool) Take(stop Stop, wish Wish) (*Use, error) {
	p.mu.Lock()
	if len(p.waiters) == 0 {
		if use, err := p.grant(wish); use != nil || err != nil {
			p.mu.Unlock()
			return use, err
		}
	} else if err := p.possible(wish); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	w := &waiter{wish: wish, ready: make(chan grant, 1)}
	p.queue(w)
	p.dispatch() // whoever waits may wait for another inspector
	p.mu.Unlock()
	var late <-chan time.Time
	if !stop.At.IsZero() {
		timer := time.NewTimer(time.Until(stop.At))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case g := <-w.ready:
		return g.use, g.err
	case <-stop.Drained:
	case <-stop.Gone:
	case <-late:
	}
	p.leaveQueue(w)
	return nil, ErrStopped
}

// queue puts a waiter behind all that are as urgent.
func (p *Pool) queue(w *waiter) {
	at, _ := slices.BinarySearchFunc(p.waiters, w, func(other, w *waiter) int {
		if other.wish.By.After(w.wish.By) {
			return 1
		}
		return -1
	})
	p.waiters = slices.Insert(p.waiters, at, w)
}

// Limit changes how many calls there may be in flight: 0 halts them, Concurrency
// is the most.
func (p *Pool) Limit(calls int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.most
	p.most = calls
	if (before == 0) != (calls == 0) {
		p.sessionsChanged()
	} else {
		p.dispatch()
	}
}

func (p *Pool) leaveQueue(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiters = slices.DeleteFunc(p.waiters, func(other *waiter) bool { return other == w })
	select {
	case g := <-w.ready:
		if g.use != nil {
			g.use.free()
		}
	default:
	}
}

// Possible returns nil while some inspector that may make the call has a session,
// and else the error that Take would return.
func (p *Pool) Possible(wish Wish) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.possible(wish)
}

func (p *Pool) possible(wish Wish) error {
	named, able, usable, coming := false, false, false, false
	for _, in := range p.inspectors {
		if wish.Inspector != "" && in.account.Inspector != wish.Inspector {
			continue
		}
		named = true
		if in.account.Inspector == wish.WorkNo {
			continue
		}
		able = true
		usable = usable || in.usable()
		coming = coming || (in.state == pending && !in.right.barred())
	}
	switch {
	case !named:
		return ErrUnknown
	case !able:
		return ErrItself
	case p.most == 0:
		return ErrHalted
	case usable:
		return nil
	case coming:
		return ErrPending
	default:
		return ErrDown
	}
}

// grant gives an inspector away, or says why none can be; both are nil where it
// is only a matter of waiting for a call to end.
func (p *Pool) grant(wish Wish) (*Use, error) {
	if err := p.possible(wish); err != nil {
		return nil, err
	}
	if p.inFlight >= p.most {
		return nil, nil
	}
	var best *inspector
	for _, in := range p.inspectors {
		if !in.may(wish) || !in.free() {
			continue
		}
		if best == nil || in.better(best, wish) {
			best = in
		}
	}
	if best == nil {
		return nil, nil
	}
	p.inFlight++
	best.inFlight++
	best.right.taken(best)
	return &Use{Session: best.session, in: best, begin: time.Now()}, nil
}

// dispatch serves waiters, the oldest first, and ends the wait of those who
// cannot be served.
func (p *Pool) dispatch() {
	left := p.waiters[:0]
	for i, w := range p.waiters {
		use, err := p.grant(w.wish)
		if use == nil && err == nil {
			left = append(left, w)
			if p.inFlight >= p.most {
				left = append(left, p.waiters[i+1:]...)
				break
			}
			continue
		}
		w.ready <- grant{use, err}
	}
	clear(p.waiters[len(left):])
	p.waiters = left
}

// sessionsChanged tells everybody who waits that a session came or went.
func (p *Pool) sessionsChanged() {
	close(p.changed)
	p.changed = make(chan struct{})
	p.dispatch()
}

// Availability is whether any inspector can make calls.
type Availability int

const (
	Coming      Availability = iota // a session is being made or renewed
	Available                       // at least one inspector can
	Unavailable                     // none can, nor soon will
)

// String is for logs.
func (a Availability) String() string {
	return [...]string{"coming", "possible", "impossible"}[a]
}

// Availability is as of now; it may be another one when Changed is closed.
func (p *Pool) Availability() Availability {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch err := p.possible(Wish{}); {
	case err == nil:
		return Available
	case errors.Is(err, ErrPending):
		return Coming
	default:
		return Unavailable
	}
}

// Changed is closed at the next change of a session.
func (p *Pool) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// Ready is nil while every inspector has a usable session and nothing is wrong with
// any, and else says what is; usable reports whether calls can be made all the same.
func (p *Pool) Ready() (usable bool, problem error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var problems []error
	for _, in := range p.inspectors {
		if in.usable() && !in.trial {
			usable = true
			for _, what := range []error{in.warning, in.passwordWarning()} {
				if what != nil {
					problems = append(problems, fmt.Errorf("inspector %s: %w", in.account.Inspector, what))
				}
			}
			continue
		}
		problems = append(problems, fmt.Errorf("inspector %s has no usable session: %w", in.account.Inspector, in.trouble()))
	}
	return usable, errors.Join(problems...)
}

// Usable is how many inspectors can make calls.
func (p *Pool) Usable() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, in := range p.inspectors {
		if in.usable() && !in.trial {
			n++
		}
	}
	return n
}

// PasswordDays is for how many days the first password to expire is good; known is
// false where the gateway tells of none.
func (p *Pool) PasswordDays() (days float64, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, in := range p.inspectors {
		if d, is := in.passwordDays(); is && (!known || d < days) {
			days, known = d, true
		}
	}
	return days, known
}

// barred counts the inspectors that are out of use for want of a right.
func (p *Pool) barred() (n int) {
	for _, in := range p.inspectors {
		if in.right.barred() {
			n++
		}
	}
	return n
}

// InFlight is how many calls are being made.
func (p *Pool) InFlight() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inFlight
}

// wait lets real time pass.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
