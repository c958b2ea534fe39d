package systemtest

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestOutageSeen: what an operator sees of a gateway that is down, and of its end.
func TestOutageSeen(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, sim.Config{})
	in.write("guid", rig.GUID)
	in.sim.GiveSession("1002", rig.GUID)
	in.sim.SetFaults(sim.Faults{Down: true})
	p, adminURL := in.worker("w", in.nats, "--gateway", in.gateway, "--inspector", "1002", "--guid-file", in.files+"/guid")
	in.awaitReady(adminURL)
	watching, stopWatching := context.WithCancel(in.ctx)
	var watched rig.Output
	watchEnded := make(chan int, 1)
	go func() {
		watchEnded <- run(watching, []string{"watch", "--nats", in.nats}, console.IO{Out: &watched, Err: io.Discard})
	}()
	ended := burst(in.ctx, in.nats, 0, 50)
	watched.AwaitText(t, in.ctx, "gateway of default: down, says worker w: 900-001")
	if status, body := rig.Get(t, adminURL+"/readyz"); status != 503 || !strings.Contains(body, "the gateway is down since") {
		t.Errorf("readyz: %d %s", status, body)
	}
	if _, body := rig.Get(t, adminURL+"/metrics"); !strings.Contains(body, `forcelogout_gateway_down{vcc="default"} 1`) {
		t.Error("the metric does not show it")
	}
	if _, out, _ := invoke(in.ctx, "status", "--nats", in.nats); !strings.Contains(out, "not ready: the gateway is down") {
		t.Errorf("status %s", out)
	}
	if _, out, _ := invoke(in.ctx, "status", "--nats", in.nats, "--json"); !strings.Contains(out, `"gateway":"down"`) {
		t.Errorf("status %s", out)
	}
	in.sim.SetFaults(sim.Faults{})
	watched.AwaitText(t, in.ctx, "gateway of default: up")
	in.succeed(ended, 50)
	in.awaitReady(adminURL)
	stopWatching()
	<-watchEnded
	for _, event := range []string{"gateway down, calls are halted", "gateway back, calls begin slowly"} {
		if !strings.Contains(p.log.String(), event) {
			t.Errorf("the log lacks %q", event)
		}
	}
}
