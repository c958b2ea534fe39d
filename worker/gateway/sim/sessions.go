package sim

import "strings"

// inspector is an account that has, had or may have a session.
type inspector struct {
	guid      string // "" without a session
	ended     bool   // by EndSession: no GUID is adopted then
	forbidden bool
}

// GiveSession signs an inspector in. The GUID is the whole header value with its
// suffix and does not change (AUTHMODE 1 [cec_07_0005]). An earlier session of
// the inspector ends. So does this one when the inspector is signed out by force
// as an agent.
func (g *Gateway) GiveSession(inspectorNo, guid string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.inspectors[inspectorNo]
	i.guid, i.ended = guid, false
	g.inspectors[inspectorNo] = i
	delete(g.agents, inspectorNo)
}

// EndSession signs an inspector out: from now on every call is answered 100-006
// [cec_07_0580], also with Config.AdoptSessions, until GiveSession.
func (g *Gateway) EndSession(inspectorNo string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.inspectors[inspectorNo]
	i.guid, i.ended = "", true
	g.inspectors[inspectorNo] = i
}

// Forbid takes the right to quality control from an inspector, or gives it back.
// Without it forced sign-outs are answered 900-002; state queries are still
// allowed.
func (g *Gateway) Forbid(inspectorNo string, forbidden bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.inspectors[inspectorNo]
	i.forbidden = forbidden
	g.inspectors[inspectorNo] = i
}

// authorize checks who calls. It opens a session where that is allowed.
func (g *Gateway) authorize(inspectorNo, guid string) (Answer, bool) {
	i := g.inspectors[inspectorNo]
	if i.guid == "" && !i.ended && g.cfg.AdoptSessions && guid != "" {
		i.guid = guid
		g.inspectors[inspectorNo] = i
	}
	switch {
	case i.guid == "", !g.person(inspectorNo).SignedIn:
		return refusal(codeNotSignedIn, "not signed in"), false
	case i.guid != guid:
		return refusal(codePermission, "no permission to call"), false
	}
	return Answer{}, true
}

// validID tells a workNo: 101–999999, decimal, no leading zero [cec_07_0441].
func validID(id string) bool {
	if len(id) < 3 || len(id) > 6 || id[0] == '0' || !only(id, "0123456789") {
		return false
	}
	return len(id) > 3 || id > "100"
}

func only(s, allowed string) bool { return strings.Trim(s, allowed) == "" }
