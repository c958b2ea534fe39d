package systemtest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/messages/schematest"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestService: worker, send, watch and the admin HTTP as a user puts them together.
func TestService(t *testing.T) {
	t.Parallel()
	ctx := rig.Context(t)
	url := rig.NATS(t)
	g, gateway := rig.Gateway(t)
	worker, adminURL := startWorker(t, ctx, url, gateway)
	g.Plan("30002", sim.Answer{Retcode: "000-002"})

	watching, stopWatching := context.WithCancel(ctx)
	var watched rig.Output
	watchEnded := make(chan int, 1)
	go func() {
		watchEnded <- run(watching, []string{"watch", "--nats", url, "--json", "--since", "1h"}, console.IO{Out: &watched, Err: io.Discard})
	}()
	if code, out, errOut := invoke(ctx, "send", "--nats", url, "--wait", "--reason", "shift-end", "30001"); code != exit.OK || !strings.Contains(out, "signed_out") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	if code, out, _ := invoke(ctx, "send", "--nats", url, "--wait", "30001", "30002"); code != exit.Failed || !strings.Contains(out, "already_signed_out") || !strings.Contains(out, "000-002") {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, out, _ := invoke(ctx, "send", "--nats", url, "30003"); code != exit.OK || !strings.Contains(out, "30003") {
		t.Errorf("exit %d, %s", code, out)
	}
	watched.AwaitText(t, ctx, `"workNo":"30003"`)
	stopWatching()
	if code := <-watchEnded; code != exit.OK {
		t.Errorf("watch: exit %d", code)
	}
	var first messages.Result
	line, _, _ := strings.Cut(watched.String(), "\n")
	if err := json.Unmarshal([]byte(line), &first); err != nil {
		t.Errorf("watch wrote %q: %v", line, err)
	}
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": "ready",
		"/metrics": `forcelogout_results_total{cause="refused",outcome="failed",vcc="default"} 1`,
	} {
		if status, body := rig.Get(t, adminURL+path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := worker.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if strings.Contains(worker.log.String(), rig.GUID) {
		t.Error("the log holds the GUID")
	}
}

// TestKilledWorker: SIGKILL in the middle of a burst. Another worker ends what
// was in hand; every command has one result, and a call is repeated only for
// commands that were in flight.
func TestKilledWorker(t *testing.T) {
	t.Parallel()
	ctx := rig.Context(t)
	url := rig.NATS(t)
	g, gateway := rig.Gateway(t)
	g.SetFaults(sim.Faults{Latency: 20 * time.Millisecond})
	victim, _ := startWorker(t, ctx, url, gateway, "--concurrency", "8", "--name", "victim")
	ended := burst(ctx, url, 0, 300)
	if _, err := g.AwaitCall(ctx, func(c sim.Call) bool { return c.Effect && c.Seq > 40 }); err != nil {
		t.Fatal(err)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	startWorker(t, ctx, url, gateway, "--concurrency", "8", "--name", "heir")
	if end := <-ended; !strings.HasPrefix(end, "exit 0") || !strings.Contains(end, "all       300") {
		t.Fatal(end)
	}
	checkCalls(t, g, 300, 8)
}

// TestPausedWorker: a process that is stopped for longer than AckWait and wakes up
// believing that it holds its commands calls for none of them.
func TestPausedWorker(t *testing.T) {
	t.Parallel()
	ctx := rig.Context(t)
	url := rig.NATS(t)
	g, gateway := rig.Gateway(t)
	g.SetFaults(sim.Faults{Latency: 20 * time.Millisecond})
	shortLease(t, ctx, url)
	sleeper, _ := startWorker(t, ctx, url, gateway, "--concurrency", "8", "--call-timeout", "1s")
	ended := burst(ctx, url, 0, 300)
	if _, err := g.AwaitCall(ctx, func(c sim.Call) bool { return c.Effect && c.Seq > 40 }); err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	startWorker(t, ctx, url, gateway, "--concurrency", "8", "--call-timeout", "1s")
	// What the sleeper held comes to the other worker only after AckWait.
	if end := <-ended; !strings.HasPrefix(end, "exit 0") || !strings.Contains(end, "all       300") {
		t.Fatal(end)
	}
	if err := sleeper.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if end := <-burst(ctx, url, 300, 100); !strings.HasPrefix(end, "exit 0") {
		t.Error(end)
	}
	checkCalls(t, g, 400, 8)
}

// TestDemoKeep: it goes on until the user ends it, and can be sent to meanwhile.
func TestDemoKeep(t *testing.T) {
	t.Parallel()
	ctx := rig.Context(t)
	demo := startProcess(t, "demo", "--keep")
	out := demo.log.AwaitText(t, ctx, "Ctrl-C ends it.")
	url := regexp.MustCompile(`NATS_URL=(\S+)`).FindStringSubmatch(out)
	if url == nil {
		t.Fatal(out)
	}
	if code, sent, errOut := invoke(ctx, "send", "--nats", url[1], "--wait", "40001"); code != exit.OK {
		t.Errorf("exit %d, %s%s", code, sent, errOut)
	}
	checkDemo(t, ctx, url[1])
	if err := demo.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := demo.Wait(); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
}

// checkDemo holds what the demo has stored against the contract.
func checkDemo(t *testing.T, ctx context.Context, url string) {
	t.Helper()
	contract, err := schematest.New()
	if err != nil {
		t.Fatal(err)
	}
	js := rig.JetStream(t, url)
	for kind, least := range map[string]uint64{"RESULTS": 24, "DEAD": 1} {
		stream, err := js.Stream(ctx, messages.DefaultPrefix.Stream(kind))
		if err != nil {
			t.Fatal(err)
		}
		state := stream.CachedInfo().State
		if state.Msgs < least {
			t.Errorf("%s has %d messages, want %d at least", kind, state.Msgs, least)
		}
		for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
			msg, err := stream.GetMsg(ctx, seq)
			if err != nil {
				t.Fatal(err)
			}
			if err := contract.Message(msg.Subject, msg.Header, msg.Data); err != nil {
				t.Errorf("%s: %v", msg.Data, err)
			}
		}
	}
}
