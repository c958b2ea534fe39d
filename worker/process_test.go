package worker_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/session"
)

// A worker that is to be stopped needs a process of its own: this test binary once
// more, which finds in its environment what to be.
const (
	envNATS    = "FORCELOGOUT_TEST_NATS"
	envGateway = "FORCELOGOUT_TEST_GATEWAY"
)

// startProcess runs a worker as another process, until the test ends.
func (r *rig) startProcess() *os.Process {
	r.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^$")
	cmd.Env = append(os.Environ(), envNATS+"="+r.nats.URL(), envGateway+"="+r.url)
	cmd.Stderr = os.Stderr
	r.must(cmd.Start())
	r.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process
}

// runAsWorker is the life of such a process. It logs slowly: then it takes its time for
// what has come while it stood still.
func runAsWorker() error {
	nc, err := nats.Connect(os.Getenv(envNATS), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1))
	if err != nil {
		return err
	}
	gw, err := gateway.NewClient(gateway.Options{URL: os.Getenv(envGateway)})
	if err != nil {
		return err
	}
	w, err := worker.New(context.Background(), nc, worker.Config{
		Prefix: prefix, VCC: vcc, Instance: "process", Gateway: gw,
		Inspectors:  []session.Account{{Inspector: inspector, GUID: guid}},
		Concurrency: 64, CallTimeout: time.Second,
		Log:     slog.New(slog.NewTextHandler(slowWriter{}, nil)),
		Metrics: admin.NewMetrics(vcc),
	})
	if err != nil {
		return err
	}
	w.Run(context.Background())
	return nil
}

type slowWriter struct{}

func (slowWriter) Write(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return len(p), nil
}
