package streams_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/streams"
)

// inDomain returns JetStream in a domain, with an installation's streams.
func inDomain(t *testing.T) jetstream.JetStream {
	t.Helper()
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(), JetStreamDomain: "hub",
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(30 * time.Second) {
		t.Fatal("no server")
	}
	nc, err := nats.Connect(ns.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := streams.API{Domain: "hub"}.JetStream(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := streams.Setup(t.Context(), js, plan); err != nil {
		t.Fatal(err)
	}
	return js
}

// TestPages: every message is read once and in order, however pages are cut, whatever the
// messages' own headers say, and where JetStream is in a domain.
func TestPages(t *testing.T) {
	t.Parallel()
	ctx, js := t.Context(), inDomain(t)
	const n = 1000
	name, subject := streams.NamesOf(plan.Prefix).Commands, plan.Prefix.Commands("a")
	forged := []nats.Header{
		nil,
		{"Status": {"204"}, "Description": {"EOB"}, "Nats-Num-Pending": {"0"}, "Nats-Last-Sequence": {"7"}},
		{"Status": {"404"}, "Nats-Sequence": {"x"}, "Nats-Stream": {"x"}, "Nats-Time-Stamp": {"x"}, "Nats-Subject": {"x"}},
	}
	for i := range n {
		msg := &nats.Msg{Subject: subject, Header: forged[i%len(forged)]}
		if i%7 == 0 {
			msg.Subject = plan.Prefix.Commands("other")
		}
		if i%len(forged) == 0 {
			msg.Data = fmt.Append(nil, i+1)
		}
		if _, err := js.PublishMsg(ctx, msg); err != nil {
			t.Fatal(err)
		}
	}
	var all, one []uint64
	for seq := range uint64(n) {
		all = append(all, seq+1)
		if seq%7 != 0 {
			one = append(one, seq+1)
		}
	}
	for name, c := range map[string]struct {
		pages streams.Pages
		want  []uint64
	}{
		"one page":     {streams.Pages{Most: 2 * n}, all},
		"small pages":  {streams.Pages{Most: 7}, all},
		"few bytes":    {streams.Pages{Most: 2 * n, Bytes: 100}, all},
		"one by one":   {streams.Pages{Most: 1, Next: n - 3}, all[n-4:]},
		"a subject":    {streams.Pages{Most: 100, Subject: subject}, one},
		"beyond":       {streams.Pages{Most: 100, Next: n + 1}, nil},
		"nobody's":     {streams.Pages{Most: 100, Subject: plan.Prefix.Commands("nobody")}, nil},
		"with a break": {streams.Pages{Most: 100}, all},
	} {
		c.pages.JS, c.pages.Stream = js, streams.NamesOf(plan.Prefix).Commands
		var got []uint64
		for last := false; !last; {
			var err error
			_, last, err = c.pages.Read(ctx, func(msg jetstream.RawStreamMsg) bool {
				got = append(got, msg.Sequence)
				return name != "with a break" || len(got)%3 != 0
			})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			last = last && (name != "with a break" || len(got) == n)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	payloads := streams.Pages{JS: js, Stream: name, Subject: subject, Most: 10}
	read := 0
	for last := false; !last; {
		var err error
		if _, last, err = payloads.ReadPayloads(ctx, func([]byte) { read++ }); err != nil {
			t.Fatal(err)
		}
	}
	if read != len(one) {
		t.Errorf("%d payloads, want %d", read, len(one))
	}
	if counted, oldest, err := streams.Count(ctx, js, name, subject); counted != uint64(len(one)) || oldest.Sequence != 2 || err != nil {
		t.Errorf("%d counted, the oldest %d: %v", counted, oldest.Sequence, err)
	}
	if counted, _, err := streams.Count(ctx, js, name, plan.Prefix.Commands("nobody")); counted != 0 || err != nil {
		t.Errorf("%d of nobody: %v", counted, err)
	}
	for seq := range uint64(len(forged)) {
		if msg, err := streams.First(ctx, js, name, "", seq+1); msg.Sequence != seq+1 || err != nil {
			t.Errorf("first from %d: %d, %v", seq+1, msg.Sequence, err)
		}
	}
	if _, err := streams.First(ctx, js, name, "", n+1); !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Errorf("beyond the end: %v", err)
	}
	gone := streams.Pages{JS: js, Stream: "GONE", Most: 1}
	if _, _, err := gone.Read(ctx, nil); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("no stream: %v", err)
	}
}
