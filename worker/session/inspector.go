package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// source is where an inspector's session comes from.
type source interface {
	// run keeps the inspector's session up to date until the context ends.
	run(ctx context.Context)
	// refused is told that the gateway did not accept the present session.
	refused(used gateway.Session)
	// renewed is told of a new GUID that an answer to a call brought.
	renewed(used gateway.Session, guid string)
}

// state is what is known of an inspector's session.
type state int

const (
	pending state = iota // none yet, or doubted, and somebody is at it
	live
	down // none to be had for now
)

// What keeps an inspector from calling.
var (
	errNoneYet = errors.New("it is being looked for")
	errRefused = errors.New("the gateway refused it, it is being renewed")
)

// inspector is one account at work. The pool's lock guards its fields.
type inspector struct {
	pool    *Pool
	account Account
	source  source

	session  gateway.Session
	state    state
	problem  error // why it is not live
	doubted  bool  // a call with the session was refused
	trial    bool  // live as far as is known: one call at a time finds out
	warning  error // what is not as it should be while it is live
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

// current is the session that calls are made with now.
func (in *inspector) current() (gateway.Session, state) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	return in.session, in.state
}

// set takes up a session. A rotated GUID is one, too.
func (in *inspector) set(s gateway.Session) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	came := in.state != live
	in.session, in.state, in.problem, in.doubted, in.trial = s, live, nil, false, false
	if came {
		in.log(slog.LevelInfo, "session usable")
		in.pool.sessionsChanged()
	}
}

// use makes the session that the bucket holds the present one, where it is
// another: a worker may have shared a GUID that one of its calls brought.
func (in *inspector) use(s gateway.Session) {
	if now, _ := in.current(); now != s {
		in.set(s)
	}
}

// replace puts a session in the place of one if that is still the present one.
func (in *inspector) replace(used, next gateway.Session) bool {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	if in.session.GUID != used.GUID {
		return false
	}
	in.session = next
	return true
}

// renew is replace for a GUID alone.
func (in *inspector) renew(used gateway.Session, guid string) {
	next := used
	next.GUID = guid
	in.replace(used, next)
}

// adopt takes a session that is to be kept from now on. It is not used before
// somebody has verified it, unless it is in use; adopt reports whether it is.
func (in *inspector) adopt(s gateway.Session) bool {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	if in.session == s {
		return in.state == live
	}
	was := in.state
	in.session, in.state, in.problem, in.doubted = s, pending, errNoneYet, false
	if was == live {
		in.pool.sessionsChanged()
	}
	return false
}

// verified says that the session is good, also where a call with it was refused. If
// the calls were wrong to be refused, it counts: they may all be.
func (in *inspector) verified(wrong bool) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	in.good(wrong)
}

// doubt lets no more calls be made with a session while somebody asks about it.
func (in *inspector) doubt(s gateway.Session) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	if in.session == s && in.state == live {
		in.state, in.problem = pending, errRefused
		in.pool.sessionsChanged()
	}
}

// verifiedAs is verified for a session that may have been replaced meanwhile.
func (in *inspector) verifiedAs(s gateway.Session) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	if in.session == s {
		in.good(false)
	}
}

func (in *inspector) good(wrong bool) {
	if in.state == live {
		return
	}
	if in.doubted && wrong {
		in.right.overruled(in)
	}
	in.state, in.problem, in.doubted, in.trial = live, nil, false, false
	in.log(slog.LevelInfo, "session usable")
	in.pool.sessionsChanged()
}

// probe lets one call at a time find out whether a refused session is good: nothing
// else can be asked.
func (in *inspector) probe() {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	if in.state != live {
		in.state, in.problem, in.doubted, in.trial = live, nil, false, true
		in.log(slog.LevelInfo, "the next call tries the refused session")
		in.pool.sessionsChanged()
	}
}

// warn says what is not as it should be while the session is good; nil for nothing.
func (in *inspector) warn(what error) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	news := what != nil && (in.warning == nil || in.warning.Error() != what.Error())
	in.warning = what
	if news {
		in.log(slog.LevelWarn, "the session is not kept as it should be", slog.Any("error", what))
	}
}

// passwordEnds notes when the password expires.
func (in *inspector) passwordEnds(at time.Time) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	news := !in.passwordUntil.Equal(at)
	in.passwordUntil = at
	if why := in.passwordWarning(); why != nil && news {
		in.log(slog.LevelWarn, "password", slog.Any("error", why))
	}
}

// passwordDays is how long the password is good; known is false where nobody says.
func (in *inspector) passwordDays() (days float64, known bool) {
	if in.passwordUntil.IsZero() {
		return 0, false
	}
	return in.passwordUntil.Sub(in.pool.cfg.Now()).Hours() / 24, true
}

// soonDays is how early the end of a password is worth a warning.
const soonDays = 3

func (in *inspector) passwordWarning() error {
	if days, known := in.passwordDays(); known && days <= soonDays {
		return fmt.Errorf("the password ends on %s: change it at the gateway and in the password file", in.passwordUntil.UTC().Format(time.DateOnly))
	}
	return nil
}

// lost says that there is no session for the moment: pending while somebody is at
// it, down where none is to be expected soon.
func (in *inspector) lost(s state, why error) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	news := in.problem == nil || in.problem.Error() != why.Error()
	if in.state == s && !news {
		return
	}
	in.state, in.problem = s, why
	level := slog.LevelWarn
	if s == down {
		level = slog.LevelError
	}
	in.log(level, "no usable inspector session", slog.Any("error", why))
	in.pool.sessionsChanged()
}

// usable reports whether calls can be made with it now.
func (in *inspector) usable() bool { return in.state == live && !in.right.barred() }

// may reports whether a wish allows this inspector.
func (in *inspector) may(w Wish) bool {
	return in.usable() && in.account.Inspector != w.WorkNo &&
		(w.Inspector == "" || w.Inspector == in.account.Inspector)
}

// free reports whether it has room for one more call.
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

// trouble is why it is not usable.
func (in *inspector) trouble() error {
	if in.trial {
		return ErrNotRenewed
	}
	if in.state == live {
		return in.right.why
	}
	return in.problem
}

func (in *inspector) log(level slog.Level, event string, attrs ...slog.Attr) {
	attrs = append([]slog.Attr{slog.String("vcc", in.pool.cfg.VCC), slog.String("inspector", in.account.Inspector)}, attrs...)
	in.pool.cfg.Log.LogAttrs(context.Background(), level, event, attrs...)
}

// Use is an inspector taken for one exchange with the gateway.
type Use struct {
	gateway.Session
	in    *inspector
	begin time.Time
}

// Report is what an exchange showed about the inspector, not about the agent.
type Report struct {
	Heard    bool   // the gateway took the session, whatever it said then
	Accepted bool   // it took the right, too
	Busy     bool   // it was called again before its answer: slow down
	NoRight  bool   // it has no right to do that
	WorkNo   string // whom the call was about
	Instead  string // the inspector who had no right where this one had
	GUID     string // a new GUID that the answer brought
}

// Done gives the inspector back.
func (u *Use) Done(r Report) {
	if r.GUID != "" && r.GUID != u.GUID {
		u.in.source.renewed(u.Session, r.GUID)
	}
	p := u.in.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	before := p.barred()
	if r.Heard || r.Accepted {
		u.in.right.heard(u.in)
		if u.GUID == u.in.session.GUID {
			u.in.trial = false
		}
	}
	switch {
	case r.Busy:
		if u.in.limit.slower(u.begin, now) {
			u.in.log(slog.LevelWarn, "the gateway cannot follow, fewer calls at once", slog.Int("limit", u.in.limit.calls()))
		}
	case r.NoRight:
		u.in.right.refused(u.in, r.WorkNo, now)
	case r.Accepted:
		u.in.limit.faster(now)
		u.in.right.granted(u.in)
		for _, other := range p.inspectors {
			if other.account.Inspector == r.Instead && other != u.in {
				other.right.outdone(other)
			}
		}
	}
	u.free()
	if before != p.barred() {
		p.sessionsChanged()
	}
}

func (u *Use) free() {
	u.in.inFlight--
	u.in.pool.inFlight--
	u.in.pool.dispatch()
}

// Refused reports that the gateway did not accept the session that a call was
// made with. All calls that are refused together cause one renewal. The command goes
// on as soon as Possible.
func (u *Use) Refused() {
	p := u.in.pool
	p.mu.Lock()
	if u.GUID != u.in.session.GUID {
		p.mu.Unlock()
		return // there is a newer one already
	}
	if u.in.state == live {
		u.in.state, u.in.problem, u.in.doubted, u.in.trial = pending, errRefused, true, false
		u.in.log(slog.LevelWarn, "session refused")
		p.sessionsChanged()
	}
	p.mu.Unlock()
	u.in.source.refused(u.Session)
}

// subject is where workers talk about an inspector's session.
func (in *inspector) subject(kind string) string {
	return in.pool.cfg.Prefix.Session(kind, in.pool.cfg.VCC, in.account.Inspector)
}
