// Package rig is what the tests of the commands and those of the whole program share.
package rig

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages/schematest"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// GUID is a session of inspector 1001, Password their password.
const (
	GUID     = "11111111-2222-4333-8444-555555555555.AgentGateway1"
	Password = "S3cret-of-1001"
)

// Output is a buffer that a running command and its test may use at once.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// AwaitText waits until a command has written something.
func (o *Output) AwaitText(t *testing.T, ctx context.Context, text string) string {
	t.Helper()
	for !strings.Contains(o.String(), text) {
		select {
		case <-ctx.Done():
			t.Fatalf("%q was not written, but: %s", text, o.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return o.String()
}

// Context ends a test that hangs.
func Context(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// NATS starts a server, and returns its URL. What is published there is held against the
// contract when the test ends.
func NATS(t *testing.T) string {
	t.Helper()
	ns, err := embedded.Start(t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ns.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	nc, err := nats.Connect(ns.URL(), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	schematest.Watch(t, nc)
	return ns.URL()
}

// JetStream connects to a server until the test ends.
func JetStream(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// Gateway starts a simulated gateway at which inspector 1001 is signed in with GUID.
func Gateway(t *testing.T) (*sim.Gateway, string) {
	t.Helper()
	g := sim.New(sim.Config{})
	g.GiveSession("1001", GUID)
	s, err := sim.Listen(g, "127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return g, s.URL
}

// GUIDFile is a file with GUID.
func GUIDFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "guid")
	if err := os.WriteFile(name, []byte(GUID), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Get asks for a URL.
func Get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
