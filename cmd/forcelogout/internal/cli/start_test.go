package cli

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/worker/embedded"
)

// TestEmbeddedInUse: a second worker on the same store, or port, ends with the reason.
func TestEmbeddedInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ns, err := embedded.Start(dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ns.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for dir, why := range map[string]string{dir: "has it open", t.TempDir(): "address already in use"} {
		code, out, errOut := invoke(rig.Context(t), "worker", "--embedded-nats", dir, "--embedded-nats-listen", ns.Addr(),
			"--gateway", "http://127.0.0.1:1", "--inspector", "1001", "--guid-file", rig.GUIDFile(t), "--listen", "127.0.0.1:0")
		if code != exit.Failed || !strings.Contains(errOut, why) {
			t.Errorf("exit %d, %s%s, want %q", code, out, errOut, why)
		}
	}
}

// TestConnectionClosedForGood: /healthz fails where the process cannot recover, and the
// process ends with an error.
func TestConnectionClosedForGood(t *testing.T) {
	t.Parallel()
	ctx := rig.Context(t)
	_, gateway := rig.Gateway(t)
	c := workerCommand{
		Connection: settings.Connection{NATS: rig.NATS(t), Prefix: "forcelogout"}, Listen: "127.0.0.1:0", DrainTimeout: time.Second,
		PerVCC: settings.PerVCC{
			VCC: "default", Gateway: gateway, Single: settings.Inspector{Inspector: "1001", GUIDFile: rig.GUIDFile(t)},
			Concurrency: 4, CallTimeout: time.Second, MaxAge: time.Minute, MaxAttempts: 1, RetryInitial: time.Second, RetryMax: time.Second,
			SignInTimeout: time.Second, PollTimeout: time.Second, LockRetry: time.Second,
		},
	}
	log := slog.New(slog.DiscardHandler)
	vccs, err := c.file.VCCs(c.PerVCC)
	if err != nil {
		t.Fatal(err)
	}
	configs, err := c.configs(vccs, log)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.open(ctx, configs, log)
	t.Cleanup(func() { s.close(ctx, log) })
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	health := "http://" + s.admin.Addr() + "/healthz"
	for status := 0; status != http.StatusOK; status, _ = rig.Get(t, health) {
		if ctx.Err() != nil {
			t.Fatal("not healthy")
		}
	}
	// The admin HTTP ends with the workers, so it is asked beforehand.
	s.nc.Close()
	if err := s.alive(); err == nil || !strings.Contains(err.Error(), "closed for good") {
		t.Errorf("alive says %v", err)
	}
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "closed for good") {
			t.Errorf("it ends with %v", err)
		}
	case <-ctx.Done():
		t.Fatal("it goes on")
	}
}
