package gateway_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

var caller = gateway.Session{Inspector: "1001", GUID: "secret-guid.AgentGateway1"}

func newClient(t testing.TB, opts gateway.Options) *gateway.Client {
	t.Helper()
	c, err := gateway.NewClient(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serving answers every call with one body, and returns a client of that.
func serving(t testing.TB, header http.Header, status int, body string) *gateway.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return newClient(t, gateway.Options{URL: server.URL})
}

// TestRequest: the request is the vendor's, to the letter, under every form of
// base URL that people give.
func TestRequest(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "/", "/agentgateway", "/agentgateway/", "/agentgateway/resource", "/agentgateway/resource/"} {
		var got *http.Request
		var body []byte
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r
			body, _ = io.ReadAll(r.Body)
			_, _ = io.WriteString(w, `{"message":"","retcode":"0","result":{}}`)
		}))
		c := newClient(t, gateway.Options{URL: server.URL + base})
		answer, err := c.ForceLogout(t.Context(), caller, "30012")
		server.Close()
		if err != nil || answer.Retcode != "0" || answer.HTTPStatus != 200 {
			t.Fatalf("%q: answer %+v, %v", base, answer, err)
		}
		if got.Method != http.MethodPost || got.RequestURI != "/agentgateway/resource/qualitycontrol/1001/forcelogout/30012" ||
			got.Header.Get("Content-Type") != "application/json; charset=UTF-8" || got.Header.Get("Accept-Encoding") != "identity" || got.Header.Get("Guid") != caller.GUID || len(body) != 0 {
			t.Errorf("%q: %s %s %v %q", base, got.Method, got.RequestURI, got.Header, body)
		}
	}
}

// TestNoInputChangesThePath: neighbouring paths are live operations too.
func TestNoInputChangesThePath(t *testing.T) {
	t.Parallel()
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	defer server.Close()
	c := newClient(t, gateway.Options{URL: server.URL})
	for _, bad := range []string{"", ".", "..", "../30012", "1/2", "%2e%2e", "30012?x=1", "30012#x", "30012;x", "30012\r\nX: y", "３００１２"} {
		if _, err := c.ForceLogout(t.Context(), caller, bad); err == nil {
			t.Errorf("agent %q was accepted", bad)
		}
		if _, _, err := c.AgentState(t.Context(), gateway.Session{Inspector: bad, GUID: "x"}, "30012"); err == nil {
			t.Errorf("inspector %q was accepted", bad)
		}
	}
	if calls != 0 {
		t.Errorf("%d requests were made", calls)
	}
}

func TestBadURLs(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "10.1.2.3:8043", "ftp://host", "https://", "https://user:pw@host", "https://host?x=1", "http://[::1",
		"https://:8043", "https://host/agentgateway/resource/qualitycontrol", "https://host/agentgateway/x", "https://gate\u00ffway\u2028:8043", "https://xn--\u00fc\u0000"} {
		if _, err := gateway.NewClient(gateway.Options{URL: bad}); err == nil || strings.Contains(err.Error(), "pw") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		header           http.Header
		status           int
		body             string
		retcode, message string
		after            time.Duration
	}{
		"usual":            {nil, 200, `{"message":"ok","retcode":"0","result":{}}`, "0", "ok", 0},
		"number":           {nil, 200, `{"retcode":0,"result":null}`, "0", "", 0},
		"msg":              {nil, 200, `{"msg":"text","retcode":"900-002","result":""}`, "900-002", "text", 0},
		"array":            {nil, 200, `{"retcode":"0","result":[]}`, "0", "", 0},
		"no retcode":       {nil, 200, `{"message":"hello"}`, "", "hello", 0},
		"HTML":             {http.Header{"Content-Type": {"text/html"}}, 502, `<html>`, "", "", 0},
		"JSON as HTML":     {http.Header{"Content-Type": {"text/html"}}, 200, `{"message":"ok","retcode":"0"}`, "0", "ok", 0},
		"empty":            {nil, 200, ``, "", "", 0},
		"half":             {nil, 200, `{"retcode":"0`, "", "", 0},
		"forged lines":     {nil, 200, `{"message":"a\r\nb\u001b[31m\u2028c","retcode":"0"}`, "0", "a  b [31m c", 0},
		"Retry-After":      {http.Header{"Retry-After": {"7"}}, 503, ``, "", "", 7 * time.Second},
		"Retry-After junk": {http.Header{"Retry-After": {"-7"}}, 503, ``, "", "", 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, err := serving(t, c.header, c.status, c.body).ForceLogout(t.Context(), caller, "30012")
			want := gateway.Answer{HTTPStatus: c.status, Retcode: c.retcode, Message: c.message, RetryAfter: c.after}
			if err != nil || answer != want {
				t.Errorf("answer %+v, %v, want %+v", answer, err, want)
			}
		})
	}
}

func TestAgentState(t *testing.T) {
	t.Parallel()
	cases := map[string]gateway.Presence{
		`{"retcode":"0","result":{"workno":"30012","status":"4","ctiStatus":"1"}}`: gateway.PresenceSignedIn,
		`{"retcode":"0","result":{"workno":30012,"status":7,"ctiStatus":4}}`:       gateway.PresenceSignedIn,
		`{"retcode":"0","result":{"workno":"30012","status":"2"}}`:                 gateway.PresenceSignedOut,
		`{"retcode":"0","result":{"status":4,"ctiStatus":0}}`:                      gateway.PresenceUnknown,
		`{"retcode":"0","result":{"status":2,"ctiStatus":1}}`:                      gateway.PresenceUnknown,
		`{"retcode":"0","result":{"status":2,"ctiStatus":0}}`:                      gateway.PresenceSignedOut,
		`{"retcode":"0","result":{"ctiStatus":"0"}}`:                               gateway.PresenceSignedOut,
		`{"retcode":"0","result":{"status":"0","ctiStatus":"9"}}`:                  gateway.PresenceUnknown,
		`{"retcode":"0","result":{"status":"0"}}`:                                  gateway.PresenceUnknown,
		`{"retcode":"0","result":{"status":"2.0"}}`:                                gateway.PresenceUnknown,
		`{"retcode":"0","result":{"status":"2","ctiStatus":"gone"}}`:               gateway.PresenceUnknown,
		`{"retcode":"300-002","result":{}}`:                                        gateway.PresenceUnknown,
		`{"retcode":"0","result":{"workno":"30013","status":"2"}}`:                 gateway.PresenceUnknown,
		`{"retcode":"0","result":{}}`:                                              gateway.PresenceUnknown,
		`{"retcode":"0","result":[]}`:                                              gateway.PresenceUnknown,
		`{"retcode":"300-002","result":{"status":"2"}}`:                            gateway.PresenceUnknown,
		``: gateway.PresenceUnknown,
	}
	for body, want := range cases {
		state, _, err := serving(t, nil, 200, body).AgentState(t.Context(), caller, "30012")
		presence := state.Presence
		if err != nil || presence != want {
			t.Errorf("%s: %v, %v, want %v", body, presence, err, want)
		}
	}
}

// TestUnknownIsAbsent: by setting, an agent whom the gateway does not know counts as
// not signed in; nothing else does.
func TestUnknownIsAbsent(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]gateway.Presence{
		`{"retcode":"300-002"}`: gateway.PresenceSignedOut,
		`{"retcode":"300-001"}`: gateway.PresenceUnknown,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		defer server.Close()
		c := newClient(t, gateway.Options{URL: server.URL, UnknownIsAbsent: true})
		if state, _, err := c.AgentState(t.Context(), caller, "30012"); err != nil || state.Presence != want {
			t.Errorf("%s: %v, %v", body, state.Presence, err)
		}
	}
}

// TestRedirectIsNotFollowed: the GUID must not travel to another host.
func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	followed := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	defer other.Close()
	for _, status := range []int{301, 302, 307, 308} {
		answer, err := serving(t, http.Header{"Location": {other.URL}}, status, "").ForceLogout(t.Context(), caller, "30012")
		if err != nil || answer.HTTPStatus != status || followed {
			t.Errorf("answer %+v, %v, followed %v", answer, err, followed)
		}
	}
}

// TestFailures: what keeps an answer from coming is an error that holds no secret.
func TestFailures(t *testing.T) {
	t.Parallel()
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hanging.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, timeout := newClient(t, gateway.Options{URL: hanging.URL}).ForceLogout(ctx, caller, "30012")
	if !errors.Is(timeout, context.DeadlineExceeded) {
		t.Errorf("a hanging gateway: %v", timeout)
	}
	_, huge := serving(t, nil, 200, strings.Repeat(" ", gateway.MaxAnswer+1)).ForceLogout(t.Context(), caller, "30012")
	if huge == nil {
		t.Error("an endless answer was taken")
	}
	_, refused := newClient(t, gateway.Options{URL: "http://127.0.0.1:1"}).ForceLogout(t.Context(), caller, "30012")
	for _, err := range []error{timeout, huge, refused} {
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v", err)
		}
	}
}

// TestTLS: a private CA from a file, a client certificate, and a certificate
// problem that is known as one.
func TestTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"retcode":"0"}`)
	}))
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	_, err := newClient(t, gateway.Options{URL: server.URL}).ForceLogout(t.Context(), caller, "30012")
	if !gateway.IsCertificateError(err) {
		t.Errorf("an unknown CA: %v", err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := gateway.TLSFiles{CA: ca}.Config()
	if err != nil || cfg.MinVersion != tls.VersionTLS12 {
		t.Fatalf("%+v, %v", cfg, err)
	}
	answer, err := newClient(t, gateway.Options{URL: server.URL, TLS: gateway.TLSFiles{CA: ca}}).ForceLogout(t.Context(), caller, "30012")
	if err != nil || answer.Retcode != "0" {
		t.Errorf("the right CA: %+v, %v", answer, err)
	}
	if gateway.IsCertificateError(io.EOF) || !gateway.IsCertificateError(x509.UnknownAuthorityError{}) {
		t.Error("certificate errors are not told from others")
	}
}

// FuzzAnswer: no body can break the client, or put more than one short printable
// line into logs and results.
func FuzzAnswer(f *testing.F) {
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	f.Cleanup(server.Close)
	c := newClient(f, gateway.Options{URL: server.URL})
	for _, seed := range []string{`{"message":"","retcode":"0","result":{}}`, `{"msg":"\u0000\n","retcode":7}`, `[]`, "\xff", `{"message":"` + strings.Repeat("é", 400) + `"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		body = data
		for _, ask := range []func() (gateway.Answer, error){
			func() (gateway.Answer, error) { return c.ForceLogout(t.Context(), caller, "30012") },
			func() (gateway.Answer, error) {
				_, answer, err := c.AgentState(t.Context(), caller, "30012")
				return answer, err
			},
		} {
			answer, err := ask()
			if err != nil {
				continue
			}
			for _, text := range []string{answer.Message, answer.Retcode} {
				if len(text) > 512 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("text %q", text)
				}
			}
		}
	})
}
