package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// inspector is somebody who has, had or may have a session.
type inspector struct {
	account   *Account  // nil: nobody can sign in
	wrong     int       // wrong passwords in a row
	lockedAt  time.Time // the last try while it was locked
	signingIn int       // sign-ins that are not answered
	strays    int       // calls to be answered by a node that does not know the session
	calls     int       // for Config.StrayEvery and Config.StrayAt
	session   *session  // nil without one
	ended     bool      // by EndSession: no GUID is adopted then
	forbidden bool
}

// session is one sign-in. A given one lasts until it is ended.
type session struct {
	given  bool
	route  string   // the load balancer's cookie, "" for none
	guids  []issued // the newest is last
	polled time.Time
	polls  int  // waiting now
	served bool // a poll has been answered
	listen bool
	opened time.Time

	events  []event
	changed chan struct{} // closed when an event has come or the session is over
	over    bool
	evicted bool // over, and the inspector is told so
}

// issued is one of a session's GUIDs.
type issued struct {
	guid  string
	since time.Time
}

// GiveSession signs an inspector in, as somebody else than the client might. The
// GUID is the whole header value with its suffix; it does not change (AUTHMODE 1
// [cec_07_0005]) and the session lasts without polls. An earlier session of the
// inspector ends, and its poll is told. So does this one when the inspector is
// signed out by force as an agent.
func (g *Gateway) GiveSession(inspectorNo, guid string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.inspector(inspectorNo)
	i.end(true)
	i.session, i.ended = g.newSession(guid), false
	i.session.given = true
	delete(g.agents, inspectorNo)
}

// EndSession signs an inspector out and tells nobody: from now on every call is
// answered 100-006 [cec_07_0580], also with Config.Adopt, until GiveSession or
// the next sign-in.
func (g *Gateway) EndSession(inspectorNo string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.inspector(inspectorNo)
	i.end(false)
	i.ended = true
}

// Evict signs an inspector out as from elsewhere: its poll is answered with
// AgentOther_ShutdownService [cec_05_4026].
func (g *Gateway) Evict(inspectorNo string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.inspector(inspectorNo)
	i.end(true)
	i.ended = true
}

// Restart forgets all sessions, as the loss of their node does. Accounts and
// agents stay.
func (g *Gateway) Restart() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, i := range g.inspectors {
		i.end(false)
	}
}

// SessionGUID is the newest GUID of the inspector's session, "" without one.
func (g *Gateway) SessionGUID(inspectorNo string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.session(inspectorNo); s != nil {
		return s.newest().guid
	}
	return ""
}

// Forbid takes the right to quality control from an inspector, or gives it back.
// Without it forced sign-outs are answered 900-002; state queries are still
// allowed.
func (g *Gateway) Forbid(inspectorNo string, forbidden bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inspector(inspectorNo).forbidden = forbidden
}

// inspector looks one up and makes it where there is none.
func (g *Gateway) inspector(inspectorNo string) *inspector {
	i := g.inspectors[inspectorNo]
	if i == nil {
		i = &inspector{}
		g.inspectors[inspectorNo] = i
	}
	return i
}

func (g *Gateway) newSession(guid string) *session {
	now := g.cfg.Now()
	return &session{guids: []issued{{guid, now}}, polled: now, opened: now, changed: make(chan struct{})}
}

// newGUID makes one as the gateway does: the suffix names the node.
func newGUID() string { return uuid.NewString() + ".AgentGateway0" }

// session is the inspector's present session, or nil. A session that has come to
// its end by the clock is ended here, so that tests can turn the clock.
func (g *Gateway) session(inspectorNo string) *session {
	i := g.inspectors[inspectorNo]
	if i == nil || i.session == nil {
		return nil
	}
	silent := !i.session.given && i.session.polls == 0 && g.cfg.Now().Sub(i.session.polled) >= g.cfg.SessionTimeout
	if p, set := g.agents[inspectorNo]; silent || set && !g.present(p) {
		i.end(!silent)
	}
	return i.session
}

// end ends the session, if there is one. An evicted inspector's poll is told.
func (i *inspector) end(evicted bool) {
	if s := i.session; s != nil {
		s.over, s.evicted = true, evicted
		s.announce()
	}
	i.session = nil
}

func (s *session) newest() issued { return s.guids[len(s.guids)-1] }

// announce wakes polls that wait.
func (s *session) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// knows reports whether the GUID is one of the session's that is good for the
// operation now [cec_05_40110].
func (g *Gateway) knows(s *session, guid, op string) bool {
	if g.cfg.Rotate && !s.given && !s.served && !g.cfg.SignInGUIDServes && op != OpPoll && op != OpSignOut {
		return false
	}
	if guid == s.newest().guid {
		return true
	}
	now := g.cfg.Now()
	return g.cfg.OldGUIDServes && slices.ContainsFunc(s.guids, func(known issued) bool {
		return known.guid == guid && now.Sub(known.since) < g.cfg.GUIDTimeout
	})
}

// renew gives the session a new GUID; those that have timed out are forgotten.
func (g *Gateway) renew(s *session) string {
	now := g.cfg.Now()
	s.guids = slices.DeleteFunc(s.guids, func(known issued) bool { return now.Sub(known.since) >= g.cfg.GUIDTimeout })
	guid := newGUID()
	s.guids = append(s.guids, issued{guid, now})
	return guid
}

// authorize checks who calls. It opens a session where that is allowed.
func (g *Gateway) authorize(call *Call) (*session, Answer, bool) {
	s, i := g.session(call.Inspector), g.inspectors[call.Inspector]
	if s == nil && g.cfg.Adopt && call.GUID != "" && (i == nil || !i.ended) {
		s = g.newSession(call.GUID)
		s.given = true
		g.inspector(call.Inspector).session = s
	}
	if code, is := g.recovery.of(s); is {
		return nil, refusal(code, "disaster recovery"), false
	}
	if s != nil && g.astray(g.inspector(call.Inspector)) {
		return nil, refusal(codeNotSignedIn, "not signed in"), false
	}
	switch {
	case s == nil, !g.person(call.Inspector).SignedIn:
		return nil, refusal(codeNotSignedIn, "not signed in"), false
	case !g.knows(s, call.GUID, call.Op), g.cfg.Sticky && s.route != "" && !strings.Contains(call.Cookie, s.route):
		return nil, refusal(codePermission, "no permission to call"), false
	}
	return s, Answer{}, true
}

// validID tells a workNo: 101–999999, decimal, no leading zero [cec_07_0441].
func validID(id string) bool {
	if len(id) < 3 || len(id) > 6 || id[0] == '0' || !only(id, "0123456789") {
		return false
	}
	return len(id) > 3 || id > "100"
}

func only(s, allowed string) bool { return strings.Trim(s, allowed) == "" }

// Stray lets the next calls of an inspector, of whatever kind, come to a node that does
// not know the session.
func (g *Gateway) Stray(inspectorNo string, calls int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inspector(inspectorNo).strays = calls
}

// astray reports whether a call came to the wrong node.
func (g *Gateway) astray(i *inspector) bool {
	if i.strays > 0 {
		i.strays--
		return true
	}
	i.calls++
	return i.calls == g.cfg.StrayAt || g.cfg.StrayEvery > 0 && i.calls%g.cfg.StrayEvery == 0
}

// recovery is a switch-over to another site.
type recovery struct {
	code   string
	since  time.Time
	signIn bool // a new session works
}

// SetRecovery answers all operations with a code, one of 105-00x, as during and after
// a switch-over; where signIn is set, only those of sessions that there are. An empty
// code ends it.
func (g *Gateway) SetRecovery(code string, signIn bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.recovery = recovery{code, g.cfg.Now(), signIn}
}

// of is what a session is answered; nil stands for a sign-in.
func (r recovery) of(s *session) (code string, is bool) {
	if r.code == "" || r.signIn && (s == nil || s.opened.After(r.since)) {
		return "", false
	}
	return r.code, true
}
