package systemtest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
)

// flagged is a simulated gateway, as a process, with flags.
type flagged struct {
	*process
	url    string
	cookie string // to send
}

func startFlagged(t *testing.T, flags ...string) *flagged {
	t.Helper()
	p := startProcess(t, append([]string{"gateway", "--listen", "127.0.0.1:0"}, flags...)...)
	line := p.log.AwaitText(t, rig.Context(t), ", inspector 1001\n")
	url, _, _ := strings.Cut(strings.TrimPrefix(line, "simulated gateway on "), ",")
	return &flagged{process: p, url: url}
}

// ask makes a call and returns its answer with what was read of it.
func (f *flagged) ask(t *testing.T, method, path, guid string) (*http.Response, string) {
	t.Helper()
	body := io.Reader(http.NoBody)
	if method == http.MethodPut {
		body = strings.NewReader(`{"password":"pw"}`)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, f.url+"/agentgateway/resource/"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Guid", guid)
	if f.cookie != "" {
		req.Header.Set("Cookie", f.cookie)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err.Error()
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp, err.Error()
	}
	return resp, string(said)
}

const (
	signOut30001 = "qualitycontrol/1001/forcelogout/30001"
	state30001   = "agentgroup/1001/agentbyworkno/30001"
)

// TestGatewayFlags: the simulated gateway is as unkind as its flags say, and refuses
// flags that make no sense.
func TestGatewayFlags(t *testing.T) {
	t.Parallel()
	g := startFlagged(t, "--form", "html,bom", "--on-call", "30001", "--call-time", "1h",
		"--return", "30002", "--absent", "30003", "--close-after", "2", "--rotate", "--lock-time", "20m", "--poll-wait", "1m", "--sign-ins-under-way", "1")
	ask := func(method, path string) string {
		resp, said := g.ask(t, method, path, "any")
		if resp == nil || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || !strings.HasPrefix(said, "\xef\xbb\xbf") {
			t.Errorf("%v %q", resp, said)
		}
		return said
	}
	for agent, want := range map[string]string{"30001": `"status":"7"`, "30002": `"status":"4"`, "30003": `"status":"2"`} {
		if got := ask(http.MethodGet, "agentgroup/1001/agentbyworkno/"+agent); !strings.Contains(got, want) {
			t.Errorf("agent %s: %s", agent, got)
		}
	}
	if got := ask(http.MethodPost, "qualitycontrol/1001/forcelogout/30002"); !strings.Contains(got, `"retcode":"0"`) {
		t.Error(got)
	}
	time.Sleep(10 * time.Millisecond) // "at once" is a millisecond
	if got := ask(http.MethodGet, "agentgroup/1001/agentbyworkno/30002"); !strings.Contains(got, `"status":"4"`) {
		t.Errorf("the agent is not back: %s", got)
	}
	if got := ask(http.MethodPut, "onlineagent/1001"); !strings.Contains(got, "100-021") {
		t.Errorf("sign-in: %s", got)
	}
	for _, bad := range [][]string{
		{"--form", "xml"}, {"--http2"}, {"--latency", "-1s"}, {"--return", "7"}, {"--close-after", "-1"}, {"--stray-at", "-1"},
		{"--fault", "xml"}, {"--guid-in", "body"}, {"--down", "-1s"}, {"--fail-rate", "2"}, {"--ca-out", "ca.pem"},
	} {
		code, _, text := invoke(t.Context(), append([]string{"gateway", "--listen", "127.0.0.1:0"}, bad...)...)
		if code != exit.Usage {
			t.Errorf("%v: exit %d, %s", bad, code, text)
		}
	}
}

// TestGatewayAnswers: what the flags make of calls, one after another.
func TestGatewayAnswers(t *testing.T) {
	t.Parallel()
	type step struct{ method, path, want string } // part of the answer
	const post, get, put = http.MethodPost, http.MethodGet, http.MethodPut
	for flags, steps := range map[string][]step{
		"--absent 30001":                         {{post, signOut30001, "900-003"}},
		"--absent 30001 --absent-answer 0":       {{post, signOut30001, `"retcode":"0"`}},
		"--absent 30001 --absent-answer 100-008": {{post, signOut30001, "100-008"}},
		"--bare-404":                             {{post, "qualitycontrol/1001/forcelogout/1000000", "404"}, {post, signOut30001, `"retcode":"0"`}},
		"--form numbers":                         {{get, state30001, `"status":4`}, {post, signOut30001, `"retcode":"0"`}},
		"--effect-delay 1h":                      {{post, signOut30001, `"retcode":"0"`}, {get, state30001, `"status":"4"`}},
		"--no-right":                             {{post, signOut30001, "900-002"}, {get, state30001, `"status":"4"`}},
		"--down 1h":                              {{post, signOut30001, "900-001"}, {get, state30001, `"status":"4"`}},
		"--fail-rate 1 --fault answer_lost":      {{post, signOut30001, "EOF"}, {get, state30001, `"status":"2"`}},
		"--fail-rate 1 --retcode 900-004":        {{post, signOut30001, "900-004"}},
		"--stray-at 2":                           {{get, state30001, `"status"`}, {post, signOut30001, "100-006"}, {post, signOut30001, `"retcode":"0"`}},
		"--lose-sign-ins 2":                      {{put, "onlineagent/1001", "EOF"}, {put, "onlineagent/1001/forcelogin", "EOF"}, {put, "onlineagent/1001", "100-002"}},
		"--sign-ins-under-way 2":                 {{put, "onlineagent/1001/loginex", "100-021"}, {put, "onlineagent/1001/forceloginex", "100-021"}, {put, "onlineagent/1001", "workno"}},
		"--cannot-force":                         {{put, "onlineagent/1001", "workno"}, {put, "onlineagent/1001/forcelogin", "100-015"}},
		"--recovery 105-007":                     {{post, signOut30001, "105-007"}, {get, "agentevent/1001", "105-007"}, {put, "onlineagent/1001", "105-007"}},
	} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			g := startFlagged(t, strings.Fields(flags)...)
			for _, s := range steps {
				resp, said := g.ask(t, s.method, s.path, "any")
				if resp != nil {
					said = fmt.Sprint(resp.StatusCode, " ", said)
				}
				if !strings.Contains(said, s.want) {
					t.Errorf("%s %s: %s, want %s", s.method, s.path, said, s.want)
				}
			}
		})
	}
}

// TestGatewayDown: a switch of the provider ends.
func TestGatewayDown(t *testing.T) {
	t.Parallel()
	g, ctx := startFlagged(t, "--down", "200ms"), rig.Context(t)
	for {
		_, said := g.ask(t, http.MethodPost, signOut30001, "any")
		if strings.Contains(said, `"retcode":"0"`) {
			return
		}
		if ctx.Err() != nil || !strings.Contains(said, "900-001") {
			t.Fatal(said)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestGatewayRecovery: a switch-over comes later, and a new sign-in helps.
func TestGatewayRecovery(t *testing.T) {
	t.Parallel()
	g, ctx := startFlagged(t, "--recovery", "105-007", "--recovery-after", "200ms"), rig.Context(t)
	resp, said := g.ask(t, http.MethodPut, "onlineagent/1001", "")
	for !strings.Contains(said, "105-007") {
		if ctx.Err() != nil || resp == nil || !strings.Contains(said, `"retcode":"0"`) {
			t.Fatal(said)
		}
		time.Sleep(10 * time.Millisecond)
		_, said = g.ask(t, http.MethodGet, state30001, strings.TrimPrefix(resp.Header.Get("Set-GUID"), "JSESSIONID="))
	}
	if resp, said = g.ask(t, http.MethodPut, "onlineagent/1001/forcelogin", ""); resp == nil || !strings.Contains(said, `"retcode":"0"`) {
		t.Fatal(said)
	}
	if _, said = g.ask(t, http.MethodGet, state30001, strings.TrimPrefix(resp.Header.Get("Set-GUID"), "JSESSIONID=")); !strings.Contains(said, `"status"`) {
		t.Error(said)
	}
}

// TestGatewaySignIn: where the GUID of a sign-in comes, and that it needs its cookie.
func TestGatewaySignIn(t *testing.T) {
	t.Parallel()
	for in, find := range map[string]func(*http.Response) string{
		"set-guid": func(r *http.Response) string { return strings.TrimPrefix(r.Header.Get("Set-GUID"), "JSESSIONID=") },
		"guid":     func(r *http.Response) string { return r.Header.Get("Guid") },
		"cookie": func(r *http.Response) string {
			for _, cookie := range r.Cookies() {
				if cookie.Name == "JSESSIONID" {
					return cookie.Value
				}
			}
			return ""
		},
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			g := startFlagged(t, "--guid-in", in, "--sticky")
			resp, said := g.ask(t, http.MethodPut, "onlineagent/1001", "")
			if resp == nil || find(resp) == "" {
				t.Fatalf("%v %s", resp, said)
			}
			if _, said := g.ask(t, http.MethodPost, signOut30001, find(resp)); !strings.Contains(said, "000-003") {
				t.Errorf("without the cookie: %s", said)
			}
			g.cookie = resp.Cookies()[0].Name + "=" + resp.Cookies()[0].Value
			if _, said := g.ask(t, http.MethodPost, signOut30001, find(resp)); !strings.Contains(said, `"retcode":"0"`) {
				t.Errorf("with it: %s", said)
			}
		})
	}
}

// TestGatewayTellsBreaches: breaches are in the log when they happen, and in a summary
// at the end.
func TestGatewayTellsBreaches(t *testing.T) {
	t.Parallel()
	ctx := rig.Context(t)
	interrupt := func(g *flagged) {
		if err := g.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	innocent := startFlagged(t)
	innocent.ask(t, http.MethodPost, signOut30001, "any")
	interrupt(innocent)
	innocent.log.AwaitText(t, ctx, "no breach of the vendor's rules\n")
	const mostTold = 10 // of a kind
	g := startFlagged(t)
	for range mostTold + 2 {
		resp, err := http.Post(g.url+"/agentgateway/resource/"+signOut30001, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	g.log.AwaitText(t, ctx, "last_told=true")
	interrupt(g)
	said := g.log.AwaitText(t, ctx, fmt.Sprintf("breaches of the vendor's rules: no Content-Type %d\n", mostTold+2))
	if n := strings.Count(said, `breach="no Content-Type: call`); n != mostTold {
		t.Errorf("%d breaches in the log: %s", n, said)
	}
}
