package session

import (
	"errors"
	"log/slog"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

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
	in.become(s)
}

func (in *inspector) become(s gateway.Session) {
	came := in.state != live
	in.session, in.state, in.problem, in.doubted, in.trial = s, live, nil, false, false
	if came {
		in.note(slog.LevelInfo, "session usable")
		in.pool.sessionsChanged()
	}
}

// takeUp makes what the bucket holds the session in use, where it is another than at
// the last look, and returns the session in use: a call of this worker may have renewed
// it since.
func (in *inspector) takeUp(s gateway.Session) gateway.Session {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	if s != in.taken {
		if in.taken = s; s != in.session {
			in.become(s)
		}
	}
	return in.session
}

// takenUp is what takeUp was last told.
func (in *inspector) takenUp() gateway.Session {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	return in.taken
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
	in.taken = s
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

// doubt lets no more calls be made with a session while somebody asks about it.
func (in *inspector) doubt(s gateway.Session) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	if in.session == s && in.state == live {
		in.state, in.problem = pending, errRefused
		in.pool.sessionsChanged()
	}
}

// verified says that the session is good, also where a call with it was refused. If
// the calls were wrong to be refused, it counts: they may all be.
func (in *inspector) verified(wrong bool) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	in.good(wrong)
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
	in.note(slog.LevelInfo, "session usable")
	in.pool.sessionsChanged()
}

// probe lets one call at a time find out whether a refused session is good: nothing
// else can be asked.
func (in *inspector) probe() {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	if in.state != live {
		in.state, in.problem, in.doubted, in.trial = live, nil, false, true
		in.note(slog.LevelInfo, "the next call tries the refused session")
		in.pool.sessionsChanged()
	}
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
	in.note(level, "no usable inspector session", slog.Any("error", why))
	in.pool.sessionsChanged()
}

// warn says what is not as it should be while the session is good; nil for nothing.
func (in *inspector) warn(what error) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	news := what != nil && (in.warning == nil || in.warning.Error() != what.Error())
	in.warning = what
	if news {
		in.note(slog.LevelWarn, "the session is not kept as it should be", slog.Any("error", what))
	}
}
