package sim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func (r *rig) ownState(guid string) string {
	return r.online(http.MethodGet, "/agentstatus", guid, "").Retcode
}

// TestSignInGUID: with AUTHMODE 2 the sign-in's GUID is good for the first poll only,
// and an old one for nothing.
func TestSignInGUID(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)}
	r := newSessionRig(t, Config{Now: c.Now, PollWait: time.Millisecond, Rotate: true})
	first := guidIn(r.signIn("", "pw"))
	if got := r.ownState(first); got != codePermission {
		t.Errorf("before the first poll: %s", got)
	}
	second := guidIn(r.poll(first))
	if second == "" || r.ownState(second) != codeSuccess || r.ownState(first) != codePermission {
		t.Errorf("after it: %q", second)
	}
	c.now = c.now.Add(time.Minute)
	third := guidIn(r.poll(second))
	if third == "" || r.ownState(second) != codePermission || r.ownState(third) != codeSuccess {
		t.Errorf("after a rotation: %q", third)
	}
}

// TestOptions: what a gateway may do, option by option.
func TestOptions(t *testing.T) {
	t.Parallel()
	signedIn := func(r *rig) string { return guidIn(r.signIn("", "pw")) }
	cases := map[string]struct {
		config Config
		check  func(*rig) (got, want string)
	}{
		"push": {Config{Push: true}, func(r *rig) (string, string) { return r.poll(signedIn(r)).Retcode, "000-001" }},
		"cannot be forced": {Config{CannotForce: true}, func(r *rig) (string, string) {
			signedIn(r)
			return r.signIn("/forcelogin", "pw").Retcode, "100-015"
		}},
		"no right to ask": {Config{NoStateRight: true}, func(r *rig) (string, string) {
			got, err := r.do(r.ctx, http.MethodGet, statePath(inspectorNo, "30001"), signedIn(r), nil)
			return got.Retcode + fmt.Sprint(err), "300-001<nil>"
		}},
		"no own state": {Config{NoOwnState: true}, func(r *rig) (string, string) {
			return fmt.Sprint(r.online(http.MethodGet, "/agentstatus", signedIn(r), "").status), "404"
		}},
		"stray": {Config{}, func(r *rig) (string, string) {
			guid := signedIn(r)
			r.Stray(inspectorNo, 2)
			return r.ownState(guid) + r.ownState(guid) + r.ownState(guid), "100-006100-0060"
		}},
		"stray now and then": {Config{StrayEvery: 3}, func(r *rig) (string, string) {
			guid := signedIn(r)
			return r.ownState(guid) + r.ownState(guid) + r.ownState(guid) + r.ownState(guid), "00100-0060"
		}},
		"stray once": {Config{StrayAt: 2}, func(r *rig) (string, string) {
			guid := signedIn(r)
			return r.ownState(guid) + r.ownState(guid) + r.ownState(guid) + r.ownState(guid), "0100-00600"
		}},
		"recovery": {Config{PollWait: time.Millisecond}, func(r *rig) (string, string) {
			guid := signedIn(r)
			r.SetRecovery("105-002", false)
			got := r.poll(guid).Retcode + r.ownState(guid) + r.signIn("/forcelogin", "pw").Retcode
			r.SetRecovery("", false)
			return got + r.ownState(guid), "105-002105-002105-0020"
		}},
		"recovery, sign in again": {Config{}, func(r *rig) (string, string) {
			guid := signedIn(r)
			r.SetRecovery("105-007", true)
			got := r.ownState(guid)
			return got + r.ownState(guidIn(r.signIn("/forcelogin", "pw"))), "105-0070"
		}},
		"platform by force": {Config{}, func(r *rig) (string, string) {
			signedIn(r)
			return r.signIn("/loginex", "pw").Retcode + r.signIn("/forceloginex", "pw").Retcode, "100-0020"
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newSessionRig(t, c.config)
			r.T = t
			if got, want := c.check(r); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

// TestLockEnds: a lock ends by time, and each try meanwhile begins it anew.
func TestLockEnds(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)}
	r := newSessionRig(t, Config{Now: c.Now, LockTime: 20 * time.Minute})
	for range 5 {
		r.signIn("", "wrong")
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, codeLocked}, {19 * time.Minute, codeLocked}, {19 * time.Minute, codeLocked}, {20 * time.Minute, codeSuccess}} {
		c.now = c.now.Add(step.after)
		if got := r.signIn("", "pw").Retcode; got != step.want {
			t.Errorf("after %v: %s, want %s", step.after, got, step.want)
		}
	}
}

// TestForms: each form is one that a lenient client can read.
func TestForms(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		form Form
		want func(said) bool
	}{
		"msg":     {Form{Msg: true}, func(s said) bool { return s.body == `{"msg":"","result":{},"retcode":"0"}` }},
		"number":  {Form{Number: true}, func(s said) bool { return strings.Contains(s.body, `"retcode":0`) }},
		"result":  {Form{EmptyResult: true}, func(s said) bool { return strings.Contains(s.body, `"result":""`) }},
		"HTML":    {Form{HTML: true}, func(s said) bool { return strings.HasPrefix(s.header.Get("Content-Type"), "text/html") }},
		"BOM":     {Form{BOM: true}, func(s said) bool { return strings.HasPrefix(s.body, "\xef\xbb\xbf{") }},
		"chunked": {Form{Chunked: true}, func(s said) bool { return s.Retcode == "0" && s.header.Get("Content-Length") == "" }},
		"close":   {Form{Close: true}, func(s said) bool { return s.Retcode == "0" }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Config{Form: c.form})
			if got := r.forceLogout("30001"); !c.want(got) {
				t.Errorf("%v %q", got.header, got.body)
			}
		})
	}
	t.Run("gzip where asked", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, Config{Form: Form{Gzip: true}})
		for accepts, want := range map[string]string{"identity": "", "gzip": "gzip"} {
			req, _ := http.NewRequestWithContext(r.ctx, http.MethodPost, r.server.URL+forceLogoutPath(inspectorNo, "30001"), nil)
			req.Header.Set("Accept-Encoding", accepts)
			req.Header.Set("Guid", guid)
			resp, err := r.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got := resp.Header.Get("Content-Encoding"); got != want {
				t.Errorf("%s: %q", accepts, got)
			}
		}
	})
}

// TestAgentsGoOn: agents take the next call and sign in again.
func TestAgentsGoOn(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)}
	r := newRig(t, Config{Now: c.Now})
	r.SetAgent("30001", Agent{SignedIn: true, OnCall: true, CallTime: time.Minute, NextCall: time.Second})
	for _, step := range []struct {
		after  time.Duration
		onCall bool
	}{{0, true}, {59 * time.Second, true}, {time.Second, false}, {time.Second, true}, {time.Minute, false}, {time.Second, true}} {
		c.now = c.now.Add(step.after)
		if got := r.Agent("30001"); got.OnCall != step.onCall || !got.SignedIn {
			t.Errorf("%v: %+v", c.now, got)
		}
	}
	begin := c.now
	r.SetAgent("30002", Agent{SignedIn: true, Returns: time.Second})
	for range 3 {
		if got := r.forceLogout("30002").Retcode; got != "0" || r.Agent("30002").SignedIn {
			t.Fatalf("%s, %+v", got, r.Agent("30002"))
		}
		c.now = c.now.Add(time.Second)
		if got := r.Agent("30002"); !got.SignedIn || !got.LoginAt.Equal(c.now) || !got.LoginAt.After(begin) {
			t.Fatalf("not back: %+v", got)
		}
	}
}

// TestServerForms: connections that end, and HTTP/2.
func TestServerForms(t *testing.T) {
	t.Parallel()
	g := New(Config{})
	g.GiveSession(inspectorNo, guid)
	server, err := ListenWith(g, "127.0.0.1:0", Options{TLS: true, HTTP2: true})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(server.CAPEM)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(server.URL)
	if err != nil || resp.ProtoMajor != 2 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()

	short, err := ListenWith(g, "127.0.0.1:0", Options{CloseAfter: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer short.Close()
	for range 4 { // on two connections, one after the other; a GET is repeated where one broke
		resp, err := http.Get(short.URL + statePath(inspectorNo, "30001"))
		if err != nil || resp.StatusCode != http.StatusOK || resp.Close {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestBreaches: what the vendor forbids is in the record, and what is no breach is
// not.
func TestBreaches(t *testing.T) {
	t.Parallel()
	r := newSessionRig(t, Config{SignInTime: 300 * time.Millisecond, PollWait: 50 * time.Millisecond})
	typed := func(ctx context.Context, method, path, guid, body string) {
		req, err := http.NewRequestWithContext(ctx, method, r.server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("Guid", guid)
		req.Header.Set("Content-Type", "application/json")
		if resp, err := r.client.Do(req); err == nil {
			resp.Body.Close()
		}
	}
	const credentials = `{"password":"pw"}`
	poll := "/agentgateway/resource/agentevent/" + inspectorNo
	var both sync.WaitGroup
	both.Go(func() { typed(r.ctx, http.MethodPut, onlineAgent, "", credentials) })
	time.Sleep(100 * time.Millisecond)
	typed(r.ctx, http.MethodDelete, onlineAgent+"/logout", r.SessionGUID(inspectorNo), "")
	both.Wait()
	typed(r.ctx, http.MethodPut, onlineAgent, "", credentials)
	if got := r.Breaches(); len(got) != 1 || got[0].What != "sign-ins and sign-outs at once" {
		t.Fatalf("%v", got)
	}
	session := r.SessionGUID(inspectorNo)
	typed(r.ctx, http.MethodGet, poll, session, "")
	typed(r.ctx, http.MethodGet, poll, session, "")
	gone, leave := context.WithCancel(r.ctx)
	both.Go(func() { typed(gone, http.MethodGet, poll, session, "") })
	if err := r.AwaitPoll(r.ctx, inspectorNo); err != nil {
		t.Fatal(err)
	}
	leave()
	typed(r.ctx, http.MethodGet, poll, session, "")
	both.Wait()
	if got := r.Breaches(); len(got) != 1 {
		t.Fatalf("%v", got[1:])
	}
	both.Go(func() { typed(r.ctx, http.MethodGet, poll, session, "") })
	if err := r.AwaitPoll(r.ctx, inspectorNo); err != nil {
		t.Fatal(err)
	}
	typed(r.ctx, http.MethodGet, poll, session, "")
	both.Wait()
	typed(r.ctx, http.MethodPost, forceLogoutPath(inspectorNo, "30001"), session, "{}")
	r.as(inspectorNo, session, "30002") // without a Content-Type
	var what []string
	for _, b := range r.Breaches()[1:] {
		what = append(what, b.What)
	}
	if got := strings.Join(what, ", "); got != "two polls at once, a body where none belongs, no Content-Type" {
		t.Error(got)
	}
}

// TestAwaitBreaches: each breach is told once, those before the end also when the
// context is over, and a client that goes on for ever fills no memory.
func TestAwaitBreaches(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	ctx, cancel := context.WithCancel(r.ctx)
	told := make(chan []Breach)
	go func() {
		defer close(told)
		for seen := 0; ; {
			found, err := r.AwaitBreaches(ctx, seen)
			if err != nil {
				return
			}
			seen += len(found)
			told <- found
		}
	}()
	r.forceLogout("30001") // without a Content-Type
	if first := <-told; len(first) != 1 || first[0].What != "no Content-Type" || first[0].Call.WorkNo != "30001" {
		t.Errorf("%v", first)
	}
	for range 2 * mostBreaches {
		r.record.breach("too many", &Call{})
	}
	cancel()
	n := 1
	for found := range told {
		n += len(found)
	}
	if counts := r.BreachCounts(); n != mostBreaches || counts["too many"] != 2*mostBreaches || counts["no Content-Type"] != 1 {
		t.Errorf("%d told, counted %v", n, counts)
	}
}
