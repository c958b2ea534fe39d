package systemtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// process is forcelogout as a process of its own.
type process struct {
	*exec.Cmd
	log rig.Output
}

func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	return startProcessWith(t, nil, args...)
}

// startProcessWith adds environment variables.
func startProcessWith(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	if testing.Short() {
		t.Skip("a whole installation: not with -short")
	}
	p := &process{Cmd: exec.Command(os.Args[0], args...)}
	p.Env = append(append(os.Environ(), asProgram+"=1"), env...)
	p.Stdout, p.Stderr = &p.log, &p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	return p
}

// startWorker starts a worker process and returns it with its admin address when
// it is ready.
func startWorker(t *testing.T, ctx context.Context, url, gateway string, more ...string) (*process, string) {
	t.Helper()
	args := []string{"worker", "--nats", url, "--gateway", gateway, "--inspector", "1001", "--guid-file", rig.GUIDFile(t),
		"--listen", "127.0.0.1:0", "--log-format", "json", "--retry-initial", "10ms"}
	p := startProcess(t, append(args, more...)...)
	return p, p.admin(t, ctx)
}

// admin is the process's admin address, once it serves there.
func (p *process) admin(t *testing.T, ctx context.Context) string {
	t.Helper()
	log := p.log.AwaitText(t, ctx, "worker started")
	addr := regexp.MustCompile(`"admin HTTP","addr":"([^"]+)"`).FindStringSubmatch(log)
	if addr == nil {
		t.Fatalf("no admin address in %s", log)
	}
	return "http://" + addr[1]
}

// burst sends commands for n agents from first on, and returns how that ended.
func burst(ctx context.Context, url string, first, n int) <-chan string {
	args := []string{"send", "--nats", url, "--wait"}
	for i := range n {
		args = append(args, agentNo(first+i))
	}
	ended := make(chan string, 1)
	go func() {
		code, out, errOut := invoke(ctx, args...)
		ended <- fmt.Sprintf("exit %d\n%s%s", code, out, errOut)
	}()
	return ended
}

// checkCalls makes sure that each agent was signed out once, and that no more
// calls were repeated than were in flight when a worker went away.
func checkCalls(t *testing.T, g *sim.Gateway, agents, inFlight int) {
	t.Helper()
	repeated := 0
	for i := range agents {
		calls, effects := 0, 0
		for _, call := range g.CallsTo(agentNo(i), sim.OpForceLogout) {
			if call.Retcode != "100-006" { // for want of a session: it was no call yet
				calls++
			}
			if call.Effect {
				effects++
			}
		}
		if effects != 1 {
			t.Errorf("agent %s was signed out %d times", agentNo(i), effects)
		}
		repeated += calls - 1
	}
	if repeated > inFlight {
		t.Errorf("%d calls were repeated, %d were in flight", repeated, inFlight)
	}
}

// shortLease makes the installation with a consumer of AckWait 2 s, so that the
// test is over soon.
func shortLease(t *testing.T, ctx context.Context, url string) {
	t.Helper()
	js := rig.JetStream(t, url)
	plan := streams.Plan{Prefix: messages.DefaultPrefix, AckWait: 2 * time.Second}
	if _, err := streams.Setup(ctx, js, plan); err != nil {
		t.Fatal(err)
	}
	if _, err := streams.Bind(ctx, js, plan, messages.DefaultVCC); err != nil {
		t.Fatal(err)
	}
}

func agentNo(n int) string { return strconv.Itoa(30_001 + n) }
