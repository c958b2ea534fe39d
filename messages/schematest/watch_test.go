package schematest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/messages/schematest"
	"github.com/forcelogout/forcelogout/worker/embedded"
)

// watched is a test that ends when it is told to.
type watched struct {
	testing.TB
	said []string
	end  func()
}

func (w *watched) Cleanup(f func())               { w.end = f }
func (w *watched) Errorf(format string, a ...any) { w.said = append(w.said, fmt.Sprintf(format, a...)) }

// TestWatch: what breaks the contract fails the test that published it, and nothing else
// does.
func TestWatch(t *testing.T) {
	server, err := embedded.Start(t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	w := &watched{TB: t}
	schematest.Watch(w, nc)
	prefix := messages.DefaultPrefix
	for subject, data := range map[string]string{
		prefix.Commands("default"):               `{"id":"a","workNo":"30012"}`,
		prefix.Progress("default", "30012", "a"): `{"id":"a","vcc":"default","workNo":"30012","phase":"wait"}`,
		prefix.Progress("default", "30012", "b"): `{"id":"b","vcc":"default","workNo":"30012","phase":"rest"}`,
		"elsewhere":                              `{}`,
	} {
		if err := nc.Publish(subject, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	w.end()
	if len(w.said) != 1 || !strings.Contains(w.said[0], "rest") {
		t.Errorf("said %q, want one complaint of the phase rest", w.said)
	}
}
