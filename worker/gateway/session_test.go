package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const secretGUID = "11111111-2222-4333-8444-555555555555.AgentGateway1"

func TestParseGUID(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		secretGUID, secretGUID + "\n", "  " + secretGUID, "JSESSIONID=" + secretGUID,
		"JSESSIONID=" + secretGUID + "; Path=/agentgateway; HttpOnly",
	} {
		if got, err := ParseGUID(raw); err != nil || got != secretGUID {
			t.Errorf("%q: %q, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"", "\n", "JSESSIONID=", "secret one", "secret\none", "secret\x00", "sécret", "secret" + strings.Repeat("x", 300)} {
		if _, err := ParseGUID(raw); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// TestSecretsNotPrinted: what is printed by mistake shows no secret.
func TestSecretsNotPrinted(t *testing.T) {
	t.Parallel()
	s := Session{Inspector: "1001", GUID: secretGUID, Cookie: "route=secret"}
	c := Credentials{Inspector: "1001", Password: "secret"}
	text := fmt.Sprintf("%v %+v %s %v %+v", s, s, s, c, []any{c, &s})
	if strings.Contains(text, secretGUID) || strings.Contains(text, "secret") {
		t.Error(text)
	}
}

// TestSignIn: requests as the vendor documents them, and the GUID wherever
// releases put it.
func TestSignIn(t *testing.T) {
	t.Parallel()
	const ok = `{"message":"","retcode":"0","result":{"isForceChange":"false"}}`
	cases := map[string]struct {
		kind   SignInKind
		path   string
		header http.Header
		body   string
		want   Session
		err    error
	}{
		"Set-GUID": {path: "", header: http.Header{"Set-Guid": {"JSESSIONID=" + secretGUID}}, body: ok,
			want: Session{Inspector: "1001", GUID: secretGUID}},
		"Set-GUID and a sticky cookie": {kind: SignInPlatform, path: "/loginex",
			header: http.Header{"Set-Guid": {"JSESSIONID=" + secretGUID}, "Set-Cookie": {"route=n1; Path=/", "old=; Max-Age=0"}}, body: ok,
			want: Session{Inspector: "1001", GUID: secretGUID, Cookie: "route=n1"}},
		"Guid header": {kind: SignInForced, path: "/forcelogin", header: http.Header{"Guid": {secretGUID}}, body: ok,
			want: Session{Inspector: "1001", GUID: secretGUID}},
		"cookie only": {header: http.Header{"Set-Cookie": {"JSESSIONID=" + secretGUID + "; Path=/; HttpOnly"}}, body: ok,
			want: Session{Inspector: "1001", GUID: secretGUID, Cookie: "JSESSIONID=" + secretGUID}},
		"platform by force": {kind: SignInForcedPlatform, path: "/forceloginex", header: http.Header{"Set-Guid": {"JSESSIONID=" + secretGUID}}, body: ok,
			want: Session{Inspector: "1001", GUID: secretGUID}},
		"several headers": {header: http.Header{"Set-Guid": {"route=1", "JSESSIONID=deleted; Max-Age=0", "jsessionid=\"" + secretGUID + "\""}, "Guid": {"trace-7"}}, body: ok,
			want: Session{Inspector: "1001", GUID: secretGUID}},
		"a trace id": {header: http.Header{"Guid": {"req-0001-correlation"}}, body: ok, err: ErrNoGUID},
		"nowhere":    {header: http.Header{}, body: ok, err: ErrNoGUID},
		"password must be changed": {header: http.Header{"Set-Guid": {secretGUID}},
			body: `{"retcode":"0","result":{"isForceChange":"true"}}`, want: Session{Inspector: "1001", GUID: secretGUID}, err: ErrChangePassword},
		"refused": {header: http.Header{"Set-Guid": {secretGUID}}, body: `{"retcode":"100-004","message":"wrong"}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var body map[string]any
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					t.Error(err)
				}
				if r.Method != http.MethodPut || r.URL.Path != "/agentgateway/resource/onlineagent/1001"+c.path || r.Header.Get("Guid") != "" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				if body["password"] != "pw" || body["phonenum"] != "70001" || body["status"] != 3.0 || body["listenStatus"] != true {
					t.Errorf("body %v", body)
				}
				for key, values := range c.header {
					w.Header()[key] = values
				}
				fmt.Fprint(w, c.body)
			}))
			defer server.Close()
			client, err := NewClient(Options{URL: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			cred := Credentials{Inspector: "1001", Password: "pw", Phone: "70001", Listen: true}
			got, _, err := client.SignIn(context.Background(), c.kind, cred)
			if got.Session != c.want || !errors.Is(err, c.err) {
				t.Errorf("session %#v, %v", got, err)
			}
		})
	}
}

// TestPoll: events as releases send them; anything else is no event.
func TestPoll(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		body     string
		want     Event
		shutdown bool
	}{
		"none":         {body: `{"retcode":"0","event":null}`},
		"absent":       {body: `{"retcode":"0"}`},
		"text":         {body: `{"retcode":"0","event":"x"}`},
		"signed out":   {body: `{"retcode":"0","event":{"eventType":"AgentOther_ShutdownService","workNo":"1001"}}`, want: Event{Type: "AgentOther_ShutdownService", WorkNo: "1001"}, shutdown: true},
		"somebody":     {body: `{"retcode":"0","event":{"eventType":"AgentOther_ShutdownService","workNo":1002}}`, want: Event{Type: "AgentOther_ShutdownService", WorkNo: "1002"}},
		"agent out":    {body: `{"retcode":"0","event":{"eventType":"QC_AgentState_Notify","workNo":"1001","content":{"subtype":"QC_AgentState_Logout","monitoredagent":30012}}}`, want: Event{Type: "QC_AgentState_Notify", WorkNo: "1001", Out: "30012"}},
		"agent in":     {body: `{"retcode":"0","event":{"eventType":"QC_AgentState_Notify","content":{"subtype":"QC_AgentState_Login","monitoredagent":"30012"}}}`, want: Event{Type: "QC_AgentState_Notify"}},
		"odd content":  {body: `{"retcode":"0","event":{"eventType":"QC_AgentState_Notify","content":[1]}}`, want: Event{Type: "QC_AgentState_Notify"}},
		"not accepted": {body: `{"retcode":"100-006","event":{"eventType":"AgentOther_ShutdownService"}}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/agentgateway/resource/agentevent/1001" ||
					r.Header.Get("Guid") != secretGUID || r.Header.Get("Cookie") != "route=n1" {
					t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
				}
				w.Header().Set("Set-GUID", "JSESSIONID=next.AgentGateway1")
				w.Header().Set("Guid", "trace-7")
				w.Header()["Set-Cookie"] = []string{"a=b", "route=n2; Path=/", "old=; Max-Age=0"}
				fmt.Fprint(w, c.body)
			}))
			defer server.Close()
			client, err := NewClient(Options{URL: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			got, next, _, err := client.Poll(context.Background(), Session{"1001", secretGUID, "route=n1"})
			if err != nil || got != c.want || got.Shutdown("1001") != c.shutdown {
				t.Errorf("event %+v, %v", got, err)
			}
			want := Session{"1001", "next.AgentGateway1", "a=b; route=n2"}
			if name == "not accepted" {
				want = Session{"1001", secretGUID, "route=n1"}
			}
			if next != want {
				t.Errorf("next %#v", next)
			}
		})
	}
}

// TestNewGUID: on answers to calls a GUID comes in Set-GUID only, with success only,
// and looks like one.
func TestNewGUID(t *testing.T) {
	t.Parallel()
	const success, refusal = `{"retcode":"0"}`, `{"retcode":"900-003"}`
	for name, c := range map[string]struct {
		status int
		body   string
		header http.Header
		want   string
	}{
		"Set-GUID":       {200, success, http.Header{"Set-Guid": {"JSESSIONID=" + secretGUID}}, secretGUID},
		"without suffix": {200, success, http.Header{"Set-Guid": {secretGUID[:36]}}, secretGUID[:36]},
		"the second":     {200, success, http.Header{"Set-Guid": {"route=1", "JSESSIONID=" + secretGUID + "; Path=/"}}, secretGUID},
		"refused":        {200, refusal, http.Header{"Set-Guid": {"JSESSIONID=" + secretGUID}}, ""},
		"a proxy's page": {200, "<html>", http.Header{"Set-Guid": {"JSESSIONID=" + secretGUID}}, ""},
		"HTTP error":     {502, success, http.Header{"Set-Guid": {"JSESSIONID=" + secretGUID}}, ""},
		"deleted":        {200, success, http.Header{"Set-Guid": {"JSESSIONID=deleted"}}, ""},
		"taken away":     {200, success, http.Header{"Set-Guid": {"JSESSIONID=" + secretGUID + "; max-age=0"}}, ""},
		"Guid":           {200, success, http.Header{"Guid": {secretGUID}}, ""},
		"cookie":         {200, success, http.Header{"Set-Cookie": {"JSESSIONID=" + secretGUID}}, ""},
	} {
		resp := &http.Response{StatusCode: c.status, Header: c.header}
		if got := parseAnswer(resp, []byte(c.body)).GUID; got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestPasswordDays: how long the password lasts is told as a number, a string, or not.
func TestPasswordDays(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]int{`"3"`: 3, `0`: 0, `"-1"`: -1, `"soon"`: -1, `null`: -1} {
		header := http.Header{"Set-Guid": {secretGUID}}
		body := []byte(`{"retcode":"0","result":{"timeRemaining":` + said + `}}`)
		got, _, err := newSession("1001", reply{header: header, body: body})
		if err != nil || got.PasswordDays != want {
			t.Errorf("%s: %d, %v", said, got.PasswordDays, err)
		}
	}
}

// TestCookiesAfter: a later answer sets, replaces and deletes cookies, and cannot make
// them many.
func TestCookiesAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, set, want string }{
		{"a=1", "", "a=1"},
		{"a=1; b=2", "a=3", "b=2; a=3"},
		{"a=1; b=2", "a=; Max-Age=0", "b=2"},
		{"a=1", "a=x; Max-Age=-1", ""},
		{"", `q="with space"`, `q="with space"`},
		{"a=1", "big=" + strings.Repeat("x", maxCookies), "a=1"},
	} {
		header := http.Header{}
		if c.set != "" {
			header.Set("Set-Cookie", c.set)
		}
		if got := cookiesAfter(c.before, (&http.Response{Header: header}).Cookies()); got != c.want {
			t.Errorf("%q after %.40q: %q, want %q", c.before, c.set, got, c.want)
		}
	}
}
