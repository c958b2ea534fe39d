package record_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/record"
)

// TestSettleUnconnected: a lost connection is told by the connection, and not once more by
// each command that cannot be acknowledged.
func TestSettleUnconnected(t *testing.T) {
	t.Parallel()
	server, err := embedded.Start(t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lost := make(chan struct{}, 1)
	nc, err := nats.Connect(server.URL(), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { lost <- struct{}{} }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case <-lost:
	case <-ctx.Done():
		t.Fatal("the connection is not lost")
	}
	unconnected := nc.Publish("ack", nil)
	nc.Close()
	closed := nc.Publish("ack", nil)
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"sent":         {nil, ""},
		"unconnected":  {unconnected, "DEBUG"},
		"closed":       {closed, "DEBUG"},
		"another word": {nats.ErrBadSubject, "WARN"},
	} {
		var out bytes.Buffer
		book := &record.Book{Config: record.Config{Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}}
		book.Settle(ctx, &job.Job{}, c.err)
		if got := out.String(); !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s: %v: want %s, got %q", name, c.err, c.want, got)
		}
	}
}
