package streams_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/streams"
)

// demanding returns JetStream of an account that must know how large each stream may
// become.
func demanding(t *testing.T) (context.Context, jetstream.JetStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	file := filepath.Join(t.TempDir(), "nats.conf")
	text := fmt.Sprintf(`
listen: "127.0.0.1:-1"
jetstream { store_dir: %q }
accounts { A {
  jetstream { max_store: 100000000, max_bytes_required: true }
  users: [{ user: a, password: a }]
} }`, t.TempDir())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	opts.NoSigs, opts.NoLog = true, true
	ns, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(30 * time.Second) {
		t.Fatal("no server")
	}
	nc, err := nats.Connect(ns.ClientURL(), nats.UserInfo("a", "a"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return ctx, js
}

// TestMaxBytesRequired: an account that demands sizes gets them; who gives none is told
// what to give. A full stream of commands is the publisher's error, and no command and
// no note goes.
func TestMaxBytesRequired(t *testing.T) {
	t.Parallel()
	ctx, js := demanding(t)
	if _, err := streams.Setup(ctx, js, plan); err == nil || !strings.Contains(err.Error(), "--max-bytes") {
		t.Errorf("setup without sizes says %v", err)
	}
	sized := plan
	sized.MaxBytes = streams.MaxBytes{Commands: 100_000, Results: 10_000_000, Dead: 1_000_000, Parked: 100_000, Sessions: 100_000}
	if made, err := streams.Setup(ctx, js, sized); err != nil || len(made) != 5 {
		t.Fatalf("setup made %v: %v", made, err)
	}
	// A worker has no opinion on sizes.
	if made, err := streams.Setup(ctx, js, plan); err != nil || len(made) != 0 {
		t.Errorf("setup without sizes made %v: %v", made, err)
	}
	if err := streams.Check(ctx, js, plan); err != nil {
		t.Error(err)
	}
	for stream, subject := range map[string]func(int) string{
		"FORCELOGOUT_COMMANDS": func(int) string { return plan.Prefix.Commands("default") },
		"FORCELOGOUT_PARKED":   func(i int) string { return plan.Prefix.Parked("default", fmt.Sprint("id-", i)) },
	} {
		var full error
		stored := 0
		for ; full == nil && ctx.Err() == nil; stored++ {
			_, full = js.Publish(ctx, subject(stored), make([]byte, 1000))
		}
		var refused *jetstream.APIError
		if !errors.As(full, &refused) {
			t.Errorf("%s is full: %v", stream, full)
		}
		s, err := js.Stream(ctx, stream)
		if err != nil {
			t.Fatal(err)
		}
		if state := s.CachedInfo().State; state.Msgs != uint64(stored-1) || state.FirstSeq != 1 {
			t.Errorf("%s: %d stored, there are %d from %d on", stream, stored-1, state.Msgs, state.FirstSeq)
		}
	}
	larger := sized
	larger.MaxBytes.Commands = 200_000
	if made, err := streams.Setup(ctx, js, larger); err != nil || len(made) != 1 {
		t.Errorf("a larger size made %v: %v", made, err)
	}
	if _, err := js.Publish(ctx, plan.Prefix.Commands("default"), make([]byte, 1000)); err != nil {
		t.Errorf("with more room: %v", err)
	}
	larger.MaxBytes.Dead = 200_000_000
	if _, err := streams.Setup(ctx, js, larger); err == nil || !strings.Contains(err.Error(), "max_bytes") {
		t.Errorf("more than the account has: %v", err)
	}
}

// TestLimitLater: what NATS cannot change is said, and nothing is changed.
func TestLimitLater(t *testing.T) {
	t.Parallel()
	ctx, js := connected(t)
	if _, err := streams.Setup(ctx, js, plan); err != nil {
		t.Fatal(err)
	}
	sized := plan
	sized.MaxBytes.Commands = 1 << 20
	var broken *streams.SettingError
	if _, err := streams.Setup(ctx, js, sized); !errors.As(err, &broken) || broken.Setting != "allow_msg_schedules" {
		t.Errorf("a size for a stream with schedules: %v", err)
	}
	replicated := plan
	replicated.Replicas = 3
	if made, err := streams.Setup(ctx, js, replicated); !errors.As(err, &broken) || broken.Setting != "num_replicas" || len(made) != 0 {
		t.Errorf("replicas for streams that have one: %v, %v", made, err)
	}
	if err := streams.Check(ctx, js, plan); err != nil {
		t.Error(err)
	}
	results := plan
	results.MaxBytes.Results = 1 << 20
	if made, err := streams.Setup(ctx, js, results); err != nil || len(made) != 1 {
		t.Errorf("a size for the results made %v: %v", made, err)
	}
}
