package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/worker/embedded"
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
			ctx := testContext(t)
			url, reached := begin(t)
			p := startProcess(t, "worker", "--nats", url, "--gateway", "http://127.0.0.1:1", "--inspector", "1001",
				"--guid-file", guidFile(t), "--listen", "127.0.0.1:0")
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
		code, out, errOut := invoke(testContext(t), "worker", "--embedded-nats", dir, "--embedded-nats-listen", ns.Addr(),
			"--gateway", "http://127.0.0.1:1", "--inspector", "1001", "--guid-file", guidFile(t), "--listen", "127.0.0.1:0")
		if code != exitFailed || !strings.Contains(errOut, why) {
			t.Errorf("exit %d, %s%s, want %q", code, out, errOut, why)
		}
	}
}

// TestConnectionClosedForGood: /healthz fails where the process cannot recover, and the
// process ends with an error.
func TestConnectionClosedForGood(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	_, gateway := startGateway(t)
	c := workerCommand{
		natsFlags: natsFlags{NATS: startNATS(t), Prefix: "forcelogout"}, Listen: "127.0.0.1:0", DrainTimeout: time.Second,
		vccSettings: vccSettings{
			VCC: "default", Gateway: gateway, Single: inspectorSettings{Inspector: "1001", GUIDFile: guidFile(t)},
			Concurrency: 4, CallTimeout: time.Second, MaxAge: time.Minute, MaxAttempts: 1, RetryInitial: time.Second, RetryMax: time.Second,
			SignInTimeout: time.Second, PollTimeout: time.Second, LockRetry: time.Second,
		},
	}
	log := slog.New(slog.DiscardHandler)
	settings, err := c.settings()
	if err != nil {
		t.Fatal(err)
	}
	configs, err := c.configs(settings, log)
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
	for status := 0; status != http.StatusOK; status, _ = get(t, health) {
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

// TestFaultsSignInRefused: NATS refuses the workers' sign-ins for ten seconds, as while a
// password is changed on the server first. Then everything goes on.
func TestFaultsSignInRefused(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("nats-server's own reload of its configuration is a race")
	}
	f := bareFaults(t)
	f.lost = true
	opts := &server.Options{JetStream: true, StoreDir: f.dir, Users: []*server.User{{Username: "w", Password: "old"}, {Username: "t", Password: "t"}}}
	ns := plainServer(t, opts)
	as := func(user string) string { return "nats://" + user + "@" + ns.Addr().String() }
	f.join(as("t:t"), 1)
	var histories []*health
	for range 2 {
		histories = append(histories, f.follow(f.hire(as("w:old"), f.gateway)))
	}
	f.send(500)
	f.some()
	changed := opts.Clone()
	changed.Users = []*server.User{{Username: "w", Password: "new"}, {Username: "t", Password: "t"}}
	f.must(ns.ReloadOptions(changed))
	f.pass(10 * time.Second)
	for i, p := range f.crew {
		f.awaitLast(histories[i], http.StatusServiceUnavailable)
		if status, body := get(t, p.admin(t, f.ctx)+"/healthz"); status != http.StatusOK {
			t.Errorf("/healthz: %d %s", status, body)
		}
	}
	f.must(ns.ReloadOptions(opts))
	f.send(100)
	f.check()
	for i, p := range f.crew {
		f.awaitLast(histories[i], http.StatusOK)
		f.cameAndWent(histories[i], "not connected to NATS")
		const lost, refused = "disconnected from NATS", "NATS reports an error"
		// Each once, unless the connection ends in two ways.
		if n := f.lines(p, lost) + f.lines(p, refused); n < 2 || n > 3 {
			t.Errorf("%d lines about the connection: %s", n, p.log.String())
		}
		f.checkTroubles(p, lost, refused, lostLease)
	}
}
