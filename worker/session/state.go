package session

import (
	"errors"
	"log/slog"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// state is what is known of an inspector's session.
type state int

const (
	pending state = iota // there is none yet, or it is doubted; a keeper or a source is at work
	live
	down // there is none, nor will there be one soon
)

// Problems of an inspector that is pending.
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

// set takes up a session that is good. The same session with another GUID counts as
// another one.
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

// replace puts next in the place of used, if used is still the session in use.
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

// adopt takes up a session that may be old. Unless it is in use already, no call is made
// with it before it is verified. adopt reports whether calls can be made with it.
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

// doubt stops the calls that are made with a session, until verified or set says that
// the session is good.
func (in *inspector) doubt(s gateway.Session) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	if in.session == s && in.state == live {
		in.state, in.problem = pending, errRefused
		in.pool.sessionsChanged()
	}
}

// verified says that the session is good. wrong says that the gateway has refused calls
// with a good session, which counts: it may refuse all calls of this inspector.
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

// probe lets one call at a time find out whether a refused session is good. It is for
// gateways that answer no question about that.
func (in *inspector) probe() {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	if in.state != live {
		in.state, in.problem, in.doubted, in.trial = live, nil, false, true
		in.note(slog.LevelInfo, "the next call tries the refused session")
		in.pool.sessionsChanged()
	}
}

// lost says that there is no session, and why: pending where one is on its way, down
// where none is to be expected soon.
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

// warn says what threatens a session that is good; nil says that nothing does.
func (in *inspector) warn(what error) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	news := what != nil && (in.warning == nil || in.warning.Error() != what.Error())
	in.warning = what
	if news {
		in.note(slog.LevelWarn, "the session is not kept as it should be", slog.Any("error", what))
	}
}
