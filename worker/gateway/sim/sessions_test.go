package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const onlineAgent = "/agentgateway/resource/onlineagent/" + inspectorNo

// newSessionRig has an account for the inspector and no session.
func newSessionRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	r := newRig(t, cfg)
	r.EndSession(inspectorNo)
	r.SetAccount(inspectorNo, Account{Password: "pw"})
	return r
}

// online makes one of a session's own calls.
func (r *rig) online(method, below, guid, body string) said {
	r.Helper()
	got, err := r.do(r.ctx, method, onlineAgent+below, guid, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	return got
}

func (r *rig) signIn(below, password string) said {
	r.Helper()
	return r.online(http.MethodPut, below, "", fmt.Sprintf(`{"password":%q,"listenStatus":true}`, password))
}

func (r *rig) poll(guid string) said {
	r.Helper()
	got, err := r.do(r.ctx, http.MethodGet, "/agentgateway/resource/agentevent/"+inspectorNo, guid, nil)
	if err != nil {
		r.Fatal(err)
	}
	return got
}

// beginPoll makes a poll that waits until it is answered.
func (r *rig) beginPoll(guid string) <-chan said {
	answered := make(chan said, 1)
	go func() {
		defer close(answered)
		if got, err := r.do(r.ctx, http.MethodGet, "/agentgateway/resource/agentevent/"+inspectorNo, guid, nil); err == nil {
			answered <- got
		}
	}()
	if err := r.AwaitPoll(r.ctx, inspectorNo); err != nil {
		r.Fatal(err)
	}
	return answered
}

// as signs an agent out on behalf of another inspector.
func (r *rig) as(inspector, guid, workNo string) {
	r.Helper()
	got, err := r.do(r.ctx, http.MethodPost, forceLogoutPath(inspector, workNo), guid, nil)
	if err != nil || got.Retcode != "0" {
		r.Fatalf("%q, %v", got.body, err)
	}
}

func guidIn(got said) string {
	return strings.TrimPrefix(got.header.Get("Set-GUID"), "JSESSIONID=")
}

// TestSignInRules: what a sign-in is answered, by what was before.
func TestSignInRules(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		cfg      Config
		prepare  func(*rig)
		below    string
		password string
		retcode  string
	}{
		"right":                {password: "pw", retcode: "0"},
		"platform":             {below: "/loginex", password: "pw", retcode: "0"},
		"wrong":                {password: "no", retcode: "100-004"},
		"no account":           {prepare: func(r *rig) { r.inspectors[inspectorNo].account = nil }, password: "pw", retcode: "100-004"},
		"first adopted":        {cfg: Config{Adopt: true}, prepare: func(r *rig) { r.inspectors[inspectorNo].account = nil }, password: "any", retcode: "0"},
		"signed in":            {prepare: func(r *rig) { r.GiveSession(inspectorNo, guid) }, password: "pw", retcode: "100-002"},
		"signed in, platform":  {prepare: func(r *rig) { r.GiveSession(inspectorNo, guid) }, below: "/loginex", password: "pw", retcode: "100-002"},
		"signed in, by force":  {prepare: func(r *rig) { r.GiveSession(inspectorNo, guid) }, below: "/forcelogin", password: "pw", retcode: "0"},
		"forgotten at restart": {prepare: func(r *rig) { r.GiveSession(inspectorNo, guid); r.Restart() }, password: "pw", retcode: "0"},
		"password expired":     {prepare: func(r *rig) { r.SetAccount(inspectorNo, Account{Password: "pw", Expired: true}) }, password: "pw", retcode: "100-020"},
		"phone missing":        {prepare: func(r *rig) { r.SetAccount(inspectorNo, Account{Password: "pw", NeedsPhone: true}) }, password: "pw", retcode: "100-012"},
		"no phone, platform":   {prepare: func(r *rig) { r.SetAccount(inspectorNo, Account{Password: "pw", NeedsPhone: true}) }, below: "/loginex", password: "pw", retcode: "0"},
		"locked": {cfg: Config{LockAfter: 2}, prepare: func(r *rig) { r.signIn("", "a"); r.signIn("", "b") },
			password: "pw", retcode: "110-021"},
		"wrong ones forgotten": {cfg: Config{LockAfter: 2}, prepare: func(r *rig) {
			r.signIn("", "a")
			r.signIn("/forcelogin", "pw")
			r.signIn("", "b")
		}, below: "/forcelogin", password: "pw", retcode: "0"},
		"planned": {prepare: func(r *rig) { r.PlanSession(inspectorNo, OpSignIn, Answer{Retcode: "100-003"}) }, password: "pw", retcode: "100-003"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newSessionRig(t, c.cfg)
			if c.prepare != nil {
				c.prepare(r)
			}
			got := r.signIn(c.below, c.password)
			if got.Retcode != c.retcode {
				t.Fatalf("answered %q", got.body)
			}
			if got.Retcode == "0" && r.online(http.MethodGet, "/agentstatus", guidIn(got), "").Retcode != "0" {
				t.Error("the session is not accepted")
			}
		})
	}
}

// TestGUIDForms: releases put the GUID into different places.
func TestGUIDForms(t *testing.T) {
	t.Parallel()
	for form, find := range map[GUIDForm]func(said) string{
		FormSetGUID: guidIn,
		FormGUID:    func(got said) string { return got.header.Get("Guid") },
		FormCookie: func(got said) string {
			for _, cookie := range (&http.Response{Header: got.header}).Cookies() {
				if cookie.Name == "JSESSIONID" {
					return cookie.Value
				}
			}
			return ""
		},
	} {
		r := newSessionRig(t, Config{GUIDForm: form})
		got := r.signIn("", "pw")
		if guid := find(got); guid == "" || guid != r.SessionGUID(inspectorNo) {
			t.Errorf("form %q: %v", form, got.header)
		}
	}
}

// TestSessionEnds: a session lasts for two minutes after a poll or handshake, by
// the gateway's clock, and no longer than until its sign-out.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)}
	r := newSessionRig(t, Config{Now: c.Now, PollWait: time.Millisecond})
	session := guidIn(r.signIn("", "pw"))
	for _, beat := range []func() said{
		func() said { return r.poll(session) },
		func() said { return r.online(http.MethodPost, "/handshake", session, "") },
		func() said { return r.poll(session) },
	} {
		c.now = c.now.Add(119 * time.Second)
		if got := beat(); got.Retcode != "0" {
			t.Fatalf("after 119 s: %q", got.body)
		}
	}
	c.now = c.now.Add(2 * time.Minute)
	if got := r.poll(session); got.Retcode != "100-006" {
		t.Fatalf("after two minutes: %q", got.body)
	}
	session = guidIn(r.signIn("", "pw"))
	if got := r.online(http.MethodDelete, "/logout", session, ""); got.Retcode != "0" {
		t.Fatalf("sign-out: %q", got.body)
	}
	if got := r.poll(session); got.Retcode != "100-006" {
		t.Errorf("after the sign-out: %q", got.body)
	}
}

// TestRotation: with AUTHMODE 2 a poll brings a new GUID each minute, and the one
// before is valid for two minutes from when it was new.
func TestRotation(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)}
	r := newSessionRig(t, Config{Now: c.Now, PollWait: time.Millisecond, Rotate: true, SignInGUIDServes: true, OldGUIDServes: true})
	first := guidIn(r.signIn("", "pw"))
	if got := r.poll(first); got.Retcode != "0" || guidIn(got) != "" {
		t.Fatalf("rotated at once: %v", got.header)
	}
	c.now = c.now.Add(time.Minute)
	second := guidIn(r.poll(first))
	if second == "" || second == first || second != r.SessionGUID(inspectorNo) {
		t.Fatalf("not rotated: %q", second)
	}
	status := func(guid string) string { return r.online(http.MethodGet, "/agentstatus", guid, "").Retcode }
	if status(first) != "0" || status(second) != "0" {
		t.Error("both GUIDs must be valid now")
	}
	c.now = c.now.Add(time.Minute)
	if got := status(first); got != "000-003" {
		t.Errorf("two minutes old: %s", got)
	}
	var fresh struct{ GUID string }
	got := r.online(http.MethodPut, "/updateGuid", second, "")
	if err := json.Unmarshal(got.Result, &fresh); err != nil {
		t.Fatal(err)
	}
	if got.Retcode != "0" || status(fresh.GUID) != "0" || r.SessionGUID(inspectorNo) != fresh.GUID {
		t.Errorf("updateGuid: %q", got.body)
	}
}

// TestEvents: a poll waits for one event and tells what happened to the session.
func TestEvents(t *testing.T) {
	t.Parallel()
	const nothing = `{"message":"","retcode":"0","event":null}`
	cases := map[string]struct {
		happens func(*rig)
		retcode string
		holds   string
	}{
		"agent out":    {func(r *rig) { r.GiveSession("1002", guid); r.as("1002", guid, "30012") }, "0", `"monitoredagent":"30012"`},
		"evicted":      {func(r *rig) { r.Evict(inspectorNo) }, "0", "AgentOther_ShutdownService"},
		"by force":     {func(r *rig) { r.signIn("/forcelogin", "pw") }, "0", "AgentOther_ShutdownService"},
		"as an agent":  {func(r *rig) { r.GiveSession("1002", guid); r.as("1002", guid, inspectorNo) }, "0", "AgentOther_ShutdownService"},
		"restart":      {func(r *rig) { r.Restart() }, "100-006", "not signed in"},
		"session lost": {func(r *rig) { r.EndSession(inspectorNo) }, "100-006", "not signed in"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newSessionRig(t, Config{})
			answered := r.beginPoll(guidIn(r.signIn("", "pw")))
			c.happens(r)
			got := <-answered
			if got.Retcode != c.retcode || !strings.Contains(got.body, c.holds) {
				t.Errorf("answered %q", got.body)
			}
		})
	}
	r := newSessionRig(t, Config{PollWait: time.Millisecond})
	if got := r.poll(guidIn(r.signIn("", "pw"))); got.body != nothing {
		t.Errorf("no event: %q", got.body)
	}
}

// TestDelayedEvent: an agent's sign-out is told when it takes effect.
func TestDelayedEvent(t *testing.T) {
	t.Parallel()
	r := newSessionRig(t, Config{EffectDelay: 50 * time.Millisecond})
	answered := r.beginPoll(guidIn(r.signIn("", "pw")))
	r.GiveSession("1002", guid)
	r.as("1002", guid, "30012")
	if got := <-answered; !strings.Contains(got.body, "30012") || r.Agent("30012").SignedIn {
		t.Errorf("answered %q", got.body)
	}
}

// TestSticky: a load balancer takes calls without the cookie elsewhere.
func TestSticky(t *testing.T) {
	t.Parallel()
	r := newSessionRig(t, Config{Sticky: true})
	session := guidIn(r.signIn("", "pw"))
	if got := r.online(http.MethodGet, "/agentstatus", session, ""); got.Retcode != "000-003" {
		t.Errorf("without the cookie: %q", got.body)
	}
}

// TestLostSignIn: the answer is lost, the session is there.
func TestLostSignIn(t *testing.T) {
	t.Parallel()
	r := newSessionRig(t, Config{})
	r.PlanSession(inspectorNo, OpSignIn, Answer{Fault: FaultAnswerLost})
	_, err := r.do(context.Background(), http.MethodPut, onlineAgent, "", strings.NewReader(`{"password":"pw"}`))
	if err == nil || r.SessionGUID(inspectorNo) == "" {
		t.Errorf("error %v, GUID %q", err, r.SessionGUID(inspectorNo))
	}
	if got := r.signIn("", "pw"); got.Retcode != "100-002" {
		t.Errorf("again: %q", got.body)
	}
}

// TestPlanSignIn: the plan holds for the next sign-ins, of whatever kind.
func TestPlanSignIn(t *testing.T) {
	t.Parallel()
	r := newSessionRig(t, Config{})
	r.PlanSignIn(inspectorNo, Answer{Retcode: "100-021"}, Answer{Retcode: "100-003"}, Answer{Retcode: "100-021"})
	r.PlanSession(inspectorNo, OpForceSignIn, Answer{Retcode: "100-015"})
	got := r.signIn("", "pw").Retcode
	r.ownState("any")
	for _, below := range []string{"/forcelogin", "/forcelogin", "/forceloginex", "/loginex"} {
		got += " " + r.signIn(below, "pw").Retcode
	}
	if got != "100-021 100-015 100-003 100-021 0" {
		t.Error(got)
	}
}

// TestNoSecretsRecorded: passwords are in no record.
func TestNoSecretsRecorded(t *testing.T) {
	t.Parallel()
	r := newSessionRig(t, Config{})
	r.signIn("", "pw-secret")
	if text := fmt.Sprintf("%+v", r.Calls()); strings.Contains(text, "pw-secret") {
		t.Error(text)
	}
}
