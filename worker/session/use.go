package session

import (
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// Use is an inspector taken for one exchange with the gateway.
type Use struct {
	gateway.Session
	in    *inspector
	begin time.Time
}

// Report is what an exchange showed about the inspector, not about the agent.
type Report struct {
	Heard    bool   // the gateway took the session, whatever it said of the agent
	Accepted bool   // the gateway took session and right
	Busy     bool   // the gateway was called again before its answer: fewer calls at once
	NoRight  bool   // the inspector has no right to sign agents out
	WorkNo   string // the agent of the call
	Instead  string // another inspector, which had no right to sign this agent out
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
	before := p.barred()
	u.learn(r, time.Now())
	u.free()
	if before != p.barred() {
		p.sessionsChanged()
	}
}

// learn notes what the exchange showed of the session, the right and the pace.
func (u *Use) learn(r Report, now time.Time) {
	if r.Heard || r.Accepted {
		u.in.right.heard(u.in)
		if u.GUID == u.in.session.GUID {
			u.in.trial = false
		}
	}
	switch {
	case r.Busy:
		if u.in.limit.slower(u.begin, now) {
			u.in.note(slog.LevelWarn, "the gateway cannot follow, fewer calls at once", slog.Int("limit", u.in.limit.calls()))
		}
	case r.NoRight:
		u.in.right.refused(u.in, r.WorkNo, now)
	case r.Accepted:
		u.in.limit.faster(now)
		u.in.right.granted(u.in)
		for _, other := range u.in.pool.inspectors {
			if other.account.Inspector == r.Instead && other != u.in {
				other.right.outdone(other)
			}
		}
	}
}

func (u *Use) free() {
	u.in.inFlight--
	u.in.pool.inFlight--
	u.in.pool.dispatch()
}

// Refused reports that the gateway did not take the session that a call was made with.
// All calls that are refused together cause one renewal. The command goes on when
// Possible returns nil.
func (u *Use) Refused() {
	p := u.in.pool
	p.mu.Lock()
	if u.GUID != u.in.session.GUID {
		p.mu.Unlock()
		return // there is a newer one already
	}
	if u.in.state == live {
		u.in.state, u.in.problem, u.in.doubted, u.in.trial = pending, errRefused, true, false
		u.in.note(slog.LevelWarn, "session refused")
		p.sessionsChanged()
	}
	p.mu.Unlock()
	u.in.source.refused(u.Session)
}
