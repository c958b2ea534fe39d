package systemtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestSecretsNowhere: a password and the GUIDs of its session are in no log line,
// error, metric, process listing, stream, nor in any bucket's value but the GUID in
// its own place. The gateway's text tries to bring them there.
func TestSecretsNowhere(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, sim.Config{Sticky: true, Rotate: true, OldGUIDServes: true, GUIDInterval: 1, PollWait: 1})
	in.sim.PlanSession("1001", sim.OpSignIn, sim.Answer{Retcode: "100-003", Message: "cannot sign in"})
	p := startProcessWith(t, []string{"FORCELOGOUT_PASSWORD=" + rig.Password}, "worker", "--nats", in.nats, "--gateway", in.gateway,
		"--inspector", "1001", "--listen", "127.0.0.1:0", "--log-format", "json", "--log-level", "debug", "--retry-initial", "10ms")
	adminURL := p.admin(t, in.ctx)
	in.awaitReady(adminURL)
	in.sim.Plan("30002", sim.Answer{Retcode: "900-002"}, sim.Answer{Fault: sim.FaultReset})
	in.succeed(burst(in.ctx, in.nats, 0, 20), 20)
	in.sim.Restart()
	in.succeed(burst(in.ctx, in.nats, 20, 20), 20)

	secrets := map[string]bool{rig.Password: true}
	for _, call := range in.sim.Calls() {
		if call.GUID != "" {
			secrets[call.GUID] = true
		}
		if _, route, ok := strings.Cut(call.Cookie, "route="); ok {
			secrets["route="+route] = true
		}
	}
	if len(secrets) < 4 {
		t.Fatalf("only %d secrets seen at the gateway", len(secrets))
	}
	_, metrics := rig.Get(t, adminURL+"/metrics")
	_, ready := rig.Get(t, adminURL+"/readyz")
	listing, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Process.Pid))
	if err != nil {
		t.Logf("no process listing here: %v", err)
	}
	places := map[string]string{"log": p.log.String(), "metrics": metrics, "readiness": ready, "process listing": string(listing)}
	for _, kind := range []string{"RESULTS", "COMMANDS", "PARKED", "DEAD"} {
		places["stream "+kind] = in.dump(messages.DefaultPrefix.Stream(kind))
	}
	for place, text := range places {
		for secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("the %s holds a secret", place)
			}
		}
	}
	if bucket := in.dump("KV_FORCELOGOUT_SESSIONS"); strings.Contains(bucket, rig.Password) || !strings.Contains(bucket, in.record().GUID) {
		t.Error("the bucket must hold the GUID and no password")
	}
}
