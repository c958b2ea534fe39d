package systemtest

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestSeveralVCCs: one process serves three VCCs. One gateway refuses connections
// and one hangs; the third VCC's commands run as if it were alone, and readiness
// tells the three apart.
func TestSeveralVCCs(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, sim.Config{})
	hanging := sim.New(sim.Config{})
	hanging.GiveSession("1001", rig.GUID)
	server, err := sim.Listen(hanging, "127.0.0.1:0", false)
	in.must(err)
	defer server.Close()
	hanging.SetFaults(sim.Faults{HangRate: 1})
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	in.must(err)
	in.must(refusing.Close())
	file := in.write("forcelogout.yaml", fmt.Sprintf(`
concurrency: 8
call-timeout: 5s
vccs:
  - vcc: good
    gateway: %s
    inspector: 1001
    password-file: %s
  - vcc: hangs
    gateway: %s
    inspector: 1001
    guid-file: %s
  - vcc: refuses
    gateway: http://%s
    inspector: 1001
    password-file: %s
`, in.gateway, filepath.Join(in.files, "password"), server.URL, rig.GUIDFile(t), refusing.Addr(), filepath.Join(in.files, "password")))
	_, adminURL := in.worker("w", in.nats, "--config", file)
	send := func(vcc string, first, n int) <-chan string {
		args := []string{"send", "--nats", in.nats, "--vcc", vcc, "--wait"}
		for i := range n {
			args = append(args, agentNo(first+i))
		}
		ended := make(chan string, 1)
		go func() {
			code, out, errOut := invoke(in.ctx, args...)
			ended <- fmt.Sprintf("exit %d\n%s%s", code, out, errOut)
		}()
		return ended
	}
	for _, vcc := range []string{"hangs", "refuses"} {
		code, _, errOut := invoke(in.ctx, "send", "--nats", in.nats, "--vcc", vcc, "30001", "30002", "30003")
		if code != exit.OK {
			t.Fatal(errOut)
		}
	}
	in.must(hanging.AwaitInFlight(in.ctx, 3))
	in.succeed(send("good", 0, 500), 500)
	if in.sim.MaxInFlight() > 8 {
		t.Errorf("%d calls at once, want 8 at most", in.sim.MaxInFlight())
	}
	if n := hanging.MaxInFlight(); n != 3 {
		t.Errorf("%d calls at the hanging gateway", n)
	}
	for _, c := range []struct {
		query  string
		status int
		words  []string
	}{
		{"?vcc=good", http.StatusOK, []string{"ready"}},
		{"?vcc=nosuch", http.StatusNotFound, nil},
		{"", http.StatusServiceUnavailable, []string{"vcc good: ready", "vcc hangs: ready", "vcc refuses: not ready", "inspector 1001 has no usable session"}},
	} {
		status, body := rig.Get(t, adminURL+"/readyz"+c.query)
		for _, word := range c.words {
			if !strings.Contains(body, word) {
				t.Errorf("%s: no %q in %s", c.query, word, body)
			}
		}
		if status != c.status {
			t.Errorf("%s: %d %s", c.query, status, body)
		}
	}
	if _, metrics := rig.Get(t, adminURL+"/metrics"); !strings.Contains(metrics, `forcelogout_inspectors_usable{vcc="good"} 1`) ||
		!strings.Contains(metrics, `forcelogout_inspectors_usable{vcc="refuses"} 0`) {
		t.Errorf("metrics: %s", metrics)
	}
}
