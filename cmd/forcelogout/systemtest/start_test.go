package systemtest

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
)

// plainServer runs nats-server as it is.
func plainServer(t *testing.T, opts *server.Options) *server.Server {
	t.Helper()
	opts.Host, opts.NoSigs, opts.NoLog = "127.0.0.1", true, true
	if opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(30 * time.Second) {
		t.Fatal("nats-server did not start")
	}
	return ns
}

// TestStoppedWhileStarting: SIGTERM ends a start in good order, whatever it waits for.
func TestStoppedWhileStarting(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*testing.T) (url string, reached <-chan struct{}){
		"a NATS server that does not greet": func(t *testing.T) (string, <-chan struct{}) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			reached := make(chan struct{})
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				close(reached)
				_, _ = conn.Read(make([]byte, 1))
				_ = conn.Close()
			}()
			t.Cleanup(func() { _ = listener.Close(); <-ended })
			return "nats://" + listener.Addr().String(), reached
		},
		"a JetStream that does not answer": func(t *testing.T) (string, <-chan struct{}) {
			ns := plainServer(t, &server.Options{})
			nc, err := nats.Connect(ns.ClientURL())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
			reached := make(chan struct{}, 1000)
			if _, err := nc.Subscribe("$JS.API.>", func(*nats.Msg) { reached <- struct{}{} }); err != nil {
				t.Fatal(err)
			}
			if err := nc.Flush(); err != nil {
				t.Fatal(err)
			}
			return ns.ClientURL(), reached
		},
	}
	for name, begin := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := rig.Context(t)
			url, reached := begin(t)
			p := startProcess(t, "worker", "--nats", url, "--gateway", "http://127.0.0.1:1", "--inspector", "1001",
				"--guid-file", rig.GUIDFile(t), "--listen", "127.0.0.1:0")
			select {
			case <-reached:
			case <-ctx.Done():
				t.Fatal(p.log.String())
			}
			if err := p.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := p.Wait(); err != nil {
				t.Errorf("it ends with %v: %s", err, p.log.String())
			}
		})
	}
}
