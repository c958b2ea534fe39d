package systemtest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestCancelAndStatus: what a user sees of commands that are for later, wait, are
// under way and done, and of withdrawing them.
func TestCancelAndStatus(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, sim.Config{})
	in.keeper("w", in.nats, "--concurrency", "2")
	in.succeed(burst(in.ctx, in.nats, 0, 5), 5)
	release := in.sim.Hold()
	defer release()
	cl, err := client.New(in.nc, messages.DefaultPrefix)
	in.must(err)
	later := messages.Command{ID: "later", WorkNo: "40001", Meta: map[string]string{"shift": "S-18"}}
	waits := messages.Command{ID: "waits", WorkNo: "40002", NotBefore: time.Now().Add(time.Hour)}
	in.must(cl.Publish(in.ctx, 0, func(yield func(client.Order, error) bool) {
		_ = yield(client.Order{VCC: "default", At: time.Now().Add(time.Hour), Command: later}, nil) &&
			yield(client.Order{VCC: "default", Command: waits}, nil)
	}, func(client.Receipt) {}))
	stuck := burst(in.ctx, in.nats, 10, 8)
	in.must(in.sim.AwaitInFlight(in.ctx, 2))

	var got client.Status
	for got.Parked != 1 || got.InFlight != 2 {
		code, out, errOut := invoke(in.ctx, "status", "--nats", in.nats, "--json")
		if code != exit.OK {
			t.Fatalf("exit %d, %s%s", code, out, errOut)
		}
		in.must(json.Unmarshal([]byte(out), &got))
	}
	if got.Scheduled != 1 || got.Done != 5 || len(got.Workers) != 1 || !got.Workers[0].Ready || got.Waiting+uint64(got.Workers[0].InHand) != 8 {
		t.Errorf("status %+v", got)
	}
	if code, out, _ := invoke(in.ctx, "status", "--nats", in.nats); code != exit.OK || !strings.Contains(out, "planned") || !strings.Contains(out, "default") {
		t.Errorf("exit %d, %s", code, out)
	}
	code, out, errOut := invoke(in.ctx, "cancel", "--nats", in.nats, "--shift", "S-18", "--reason", "overtime")
	if code != exit.OK || !strings.Contains(out, "later  40001   cancelled") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	code, out, _ = invoke(in.ctx, "cancel", "--nats", in.nats, "waits", "nosuch")
	if code != exit.Failed || !strings.Contains(out, "waits  40002   cancelled") || !strings.Contains(out, "unknown") {
		t.Errorf("exit %d, %s", code, out)
	}
	release()
	in.succeed(stuck, 8)
	code, out, _ = invoke(in.ctx, "cancel", "--nats", in.nats, "--json", "waits")
	if code != exit.OK || !strings.Contains(out, `"outcome":"cancelled"`) {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, out, errOut := invoke(in.ctx, "cancel", "--nats", in.nats, "--work-no", "49999"); code != exit.Failed || !strings.Contains(errOut, "no open command matches") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
}
