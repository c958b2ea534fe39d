package sim

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	inspectorNo = "1001"
	guid        = "00000000-0000-4000-8000-000000000001.AgentGateway1"
)

// rig is a gateway behind a server, and a client for it.
type rig struct {
	*testing.T
	*Gateway
	ctx    context.Context
	server *Server
	client *http.Client
}

func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	g := New(cfg)
	if !cfg.Adopt {
		g.GiveSession(inspectorNo, guid)
	}
	server, err := Listen(g, "127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &rig{T: t, Gateway: g, ctx: ctx, server: server, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// said is what a client gets.
type said struct {
	status  int
	header  http.Header
	body    string
	Retcode string          `json:"retcode"`
	Result  json.RawMessage `json:"result"`
}

func (r *rig) do(ctx context.Context, method, path, guid string, body io.Reader) (said, error) {
	r.Helper()
	req, err := http.NewRequestWithContext(ctx, method, r.server.URL+path, body)
	if err != nil {
		r.Fatal(err)
	}
	if guid != "" {
		req.Header.Set("Guid", guid)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return said{}, err
	}
	defer resp.Body.Close()
	got := said{status: resp.StatusCode, header: resp.Header}
	raw, err := io.ReadAll(resp.Body)
	got.body = string(raw)
	_ = json.Unmarshal(raw, &got)
	return got, err
}

func forceLogoutPath(inspector, workNo string) string {
	return "/agentgateway/resource/qualitycontrol/" + inspector + "/forcelogout/" + workNo
}

func statePath(inspector, workNo string) string {
	return "/agentgateway/resource/agentgroup/" + inspector + "/agentbyworkno/" + workNo
}

// forceLogout signs an agent out as the rig's inspector.
func (r *rig) forceLogout(workNo string) said {
	r.Helper()
	got, err := r.do(r.ctx, http.MethodPost, forceLogoutPath(inspectorNo, workNo), guid, nil)
	if err != nil {
		r.Fatal(err)
	}
	return got
}

// state asks for an agent's state and returns its fields as they came.
func (r *rig) state(workNo string) (said, map[string]any) {
	r.Helper()
	got, err := r.do(r.ctx, http.MethodGet, statePath(inspectorNo, workNo), guid, nil)
	if err != nil {
		r.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.NewDecoder(strings.NewReader(string(got.Result))).Decode(&fields); err != nil {
		r.Fatalf("result of %q: %v", got.body, err)
	}
	return got, fields
}

// begin makes a call that nobody waits for; cancelling goes away from it.
func (r *rig) begin(workNo string) (answer <-chan said, cancel context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.ctx)
	answered := make(chan said, 1)
	go func() {
		defer close(answered)
		if got, err := r.do(ctx, http.MethodPost, forceLogoutPath(inspectorNo, workNo), guid, nil); err == nil {
			answered <- got
		}
	}()
	return answered, cancel
}

func (r *rig) awaitCall(workNo string) Call {
	r.Helper()
	call, err := r.AwaitCall(r.ctx, func(c Call) bool { return c.WorkNo == workNo })
	if err != nil {
		r.Fatal(err)
	}
	return call
}

func (r *rig) awaitInFlight(n int) {
	r.Helper()
	if err := r.AwaitInFlight(r.ctx, n); err != nil {
		r.Fatal(err)
	}
}

// clock is a time that a test turns. Only before calls: it has no lock.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }
