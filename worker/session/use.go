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
		u.in.note(slog.LevelWarn, "session refused")
		p.sessionsChanged()
	}
	p.mu.Unlock()
	u.in.source.refused(u.Session)
}
