package systemtest

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
)

// TestGatewayFlags: the simulated gateway is as unkind as its flags say, and refuses
// flags that make no sense.
func TestGatewayFlags(t *testing.T) {
	t.Parallel()
	p := startProcess(t, "gateway", "--listen", "127.0.0.1:0", "--form", "html,bom", "--on-call", "30001", "--call-time", "1h",
		"--return", "30002", "--absent", "30003", "--close-after", "2", "--rotate", "--lock-time", "20m", "--poll-wait", "1m", "--sign-ins-under-way", "1")
	line := p.log.AwaitText(t, rig.Context(t), ", inspector 1001\n")
	url, _, _ := strings.Cut(strings.TrimPrefix(line, "simulated gateway on "), ",")
	ask := func(method, path string) string {
		body := io.Reader(http.NoBody)
		if method == http.MethodPut {
			body = strings.NewReader("{}")
		}
		req, err := http.NewRequestWithContext(t.Context(), method, url+"/agentgateway/resource/"+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Guid", "any")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		said, err := io.ReadAll(resp.Body)
		if err != nil || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || !strings.HasPrefix(string(said), "\xef\xbb\xbf") {
			t.Errorf("%v %q, %v", resp.Header, said, err)
		}
		return string(said)
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
	for _, bad := range [][]string{{"--form", "xml"}, {"--http2"}, {"--latency", "-1s"}, {"--return", "7"}, {"--close-after", "-1"}} {
		code, _, text := invoke(t.Context(), append([]string{"gateway", "--listen", "127.0.0.1:0"}, bad...)...)
		if code != exit.Usage {
			t.Errorf("%v: exit %d, %s", bad, code, text)
		}
	}
}
