package sim

import (
	"net/http"
	"strings"
	"testing"
)

// TestForceLogoutRules: each rule's answer over HTTP, its effect and its record.
func TestForceLogoutRules(t *testing.T) {
	t.Parallel()
	const other = "ffffffff-0000-4000-8000-000000000009.AgentGateway0"
	cases := map[string]struct {
		cfg               Config
		prepare           func(*Gateway)
		inspector, target string
		guid              string
		status            int // 0 means 200
		retcode           string
		effect            bool
	}{
		"success":                   {retcode: "0", effect: true},
		"lowest id":                 {target: "101", retcode: "0", effect: true},
		"highest id":                {target: "999999", retcode: "0", effect: true},
		"id too low":                {target: "100", retcode: "000-002"},
		"id too high":               {target: "1000000", retcode: "000-002"},
		"id with leading zero":      {target: "030001", retcode: "000-002"},
		"id that is no number":      {target: "3000x", retcode: "000-002"},
		"id with an escaped slash":  {target: "30001%2F..", retcode: "000-002"},
		"inspector out of range":    {inspector: "1", retcode: "000-002"},
		"bad id, old routing":       {cfg: Config{UnknownBare404: true}, target: "100", status: 404},
		"no session":                {inspector: "1002", retcode: "100-006"},
		"session ended":             {prepare: func(g *Gateway) { g.EndSession(inspectorNo) }, retcode: "100-006"},
		"wrong GUID":                {guid: other, retcode: "000-003"},
		"no GUID":                   {guid: "-", retcode: "000-003"},
		"session replaced":          {prepare: func(g *Gateway) { g.GiveSession(inspectorNo, other) }, retcode: "000-003"},
		"no right":                  {prepare: func(g *Gateway) { g.Forbid(inspectorNo, true) }, retcode: "900-002"},
		"right given back":          {prepare: func(g *Gateway) { g.Forbid(inspectorNo, true); g.Forbid(inspectorNo, false) }, retcode: "0", effect: true},
		"the inspector itself":      {target: inspectorNo, retcode: "000-005"},
		"absent":                    {prepare: absent, retcode: "900-003"},
		"absent, success":           {cfg: Config{AbsentRetcode: "0"}, prepare: absent, retcode: "0"},
		"absent, signed out":        {cfg: Config{AbsentRetcode: "100-008"}, prepare: absent, retcode: "100-008"},
		"unknown":                   {prepare: func(g *Gateway) { g.SetAgent("30001", Agent{SignedIn: true, Unknown: true}) }, retcode: "900-003"},
		"on a call":                 {prepare: func(g *Gateway) { g.SetAgent("30001", Agent{SignedIn: true, OnCall: true}) }, retcode: "0", effect: true},
		"provider down":             {prepare: func(g *Gateway) { g.SetFaults(Faults{Down: true, HangRate: 1}) }, retcode: "900-001"},
		"all fail":                  {prepare: func(g *Gateway) { g.SetFaults(Faults{FailRate: 1}) }, retcode: "900-002"},
		"all fail with a code":      {prepare: func(g *Gateway) { g.SetFaults(Faults{FailRate: 1, Retcode: "100-007"}) }, retcode: "100-007"},
		"session adopted":           {cfg: Config{Adopt: true}, retcode: "0", effect: true},
		"any GUID adopted":          {cfg: Config{Adopt: true}, guid: "try-out", retcode: "0", effect: true},
		"ended and not adopted":     {cfg: Config{Adopt: true}, prepare: func(g *Gateway) { g.EndSession(inspectorNo) }, retcode: "100-006"},
		"only the first is adopted": {cfg: Config{Adopt: true}, prepare: func(g *Gateway) { g.GiveSession(inspectorNo, other) }, retcode: "000-003"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.cfg)
			if c.prepare != nil {
				c.prepare(r.Gateway)
			}
			inspector, target := or(c.inspector, inspectorNo), or(c.target, "30001")
			presented := strings.Trim(or(c.guid, guid), "-")
			if strings.HasPrefix(c.guid, "---") {
				presented = c.guid
			}
			before := r.Agent(target).SignedIn
			got, err := r.do(r.ctx, http.MethodPost, forceLogoutPath(inspector, target), presented, nil)
			if err != nil {
				t.Fatal(err)
			}
			status := http.StatusOK
			if c.status != 0 {
				status = c.status
			}
			if got.status != status || got.Retcode != c.retcode {
				t.Errorf("answer %d %q, want %d with retcode %q", got.status, got.body, status, c.retcode)
			}
			if status == http.StatusOK && string(got.Result) != "{}" {
				t.Errorf("result %s, want {}", got.Result)
			}
			if after := r.Agent(target).SignedIn; after != (before && !c.effect) {
				t.Errorf("signed in: %v before, %v after, want an effect: %v", before, after, c.effect)
			}
			calls := r.Calls()
			if len(calls) != 1 {
				t.Fatalf("record %+v, want one call", calls)
			}
			call := calls[0]
			if call.Op != OpForceLogout || call.Path != forceLogoutPath(inspector, target) || call.GUID != presented ||
				call.Retcode != c.retcode || call.HTTPStatus != status || call.Effect != c.effect || call.Abandoned {
				t.Errorf("record %+v", call)
			}
		})
	}
}

func absent(g *Gateway) { g.SetAgent("30001", Agent{}) }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// TestOtherRequests: what is no operation with its own method is refused, and
// recorded as it came.
func TestOtherRequests(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		method, path string
		status       int
		allow        string
	}{
		"sign-out by GET":     {http.MethodGet, forceLogoutPath(inspectorNo, "30001"), 405, "POST"},
		"sign-out by DELETE":  {http.MethodDelete, forceLogoutPath(inspectorNo, "30001"), 405, "POST"},
		"state by POST":       {http.MethodPost, statePath(inspectorNo, "30001"), 405, "GET"},
		"state by HEAD":       {http.MethodHead, statePath(inspectorNo, "30001"), 405, "GET"},
		"neighbouring path":   {http.MethodDelete, "/agentgateway/resource/qualitycontrol/1001/30001", 404, ""},
		"one segment more":    {http.MethodPost, forceLogoutPath(inspectorNo, "30001") + "/x", 404, ""},
		"trailing slash":      {http.MethodPost, forceLogoutPath(inspectorNo, "30001") + "/", 404, ""},
		"path to be cleaned":  {http.MethodPost, "/agentgateway/resource/x/../qualitycontrol/1001/forcelogout/30001", 404, ""},
		"double slash":        {http.MethodPost, "/" + forceLogoutPath(inspectorNo, "30001"), 404, ""},
		"nothing":             {http.MethodGet, "/", 404, ""},
		"mixed up operations": {http.MethodPost, "/agentgateway/resource/agentgroup/1001/forcelogout/30001", 404, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Config{})
			got, err := r.do(r.ctx, c.method, c.path, guid, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.status != c.status || got.header.Get("Allow") != c.allow {
				t.Errorf("answer %d, Allow %q", got.status, got.header.Get("Allow"))
			}
			if !r.Agent("30001").SignedIn {
				t.Error("the agent was signed out")
			}
			call := r.Calls()[0]
			if call.Op != OpOther || call.Method != c.method || call.Path != c.path || call.HTTPStatus != c.status {
				t.Errorf("record %+v", call)
			}
		})
	}
}

// TestInspectorSignedOut: an inspector whom another one signs out has no session
// any more.
func TestInspectorSignedOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	r.GiveSession("1002", guid)
	if got := r.forceLogout("1002"); got.Retcode != "0" {
		t.Fatalf("answer %+v", got)
	}
	got, err := r.do(r.ctx, http.MethodPost, forceLogoutPath("1002", "30001"), guid, nil)
	if err != nil || got.Retcode != "100-006" {
		t.Errorf("answer %+v, %v", got, err)
	}
	r.GiveSession("1002", guid)
	got, err = r.do(r.ctx, http.MethodPost, forceLogoutPath("1002", "30001"), guid, nil)
	if err != nil || got.Retcode != "0" {
		t.Errorf("signed in again: answer %+v, %v", got, err)
	}
}
