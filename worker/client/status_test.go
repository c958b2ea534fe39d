package client_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// TestStatusOfMany: a thousand VCCs with workers are asked at once, and one message on
// a subject that is no VCC's spoils nothing.
func TestStatusOfMany(t *testing.T) {
	t.Parallel()
	const n = 1000
	r := newRig(t)
	workers, err := nats.Connect(r.server.URL())
	r.must(err)
	t.Cleanup(workers.Close)
	_, err = workers.Subscribe(prefix.Status(messages.AnyToken), func(m *nats.Msg) {
		data, err := messages.WorkerStatus{Worker: "w-" + m.Subject, Ready: true, Gateway: messages.GatewayUp, Usable: 2}.Encode()
		if err == nil {
			_ = m.Respond(data)
		}
	})
	r.must(err)
	r.must(workers.Flush())
	for i := range n {
		_, err := streams.Bind(r.ctx, r.js, streams.Plan{Prefix: prefix}, fmt.Sprintf("vcc-%04d", i))
		r.must(err)
	}
	_, err = r.js.Publish(r.ctx, "forcelogout.commands.a$b", []byte("x"))
	r.must(err)
	far := time.Now().Add(24 * time.Hour)
	r.publish(client.Order{VCC: "vcc-0007", Command: messages.Command{ID: "a", WorkNo: "30001"}},
		at(client.Order{VCC: "vcc-0007", Command: messages.Command{ID: "b", WorkNo: "30001"}}, far),
		at(client.Order{VCC: "planned-only", Command: messages.Command{ID: "b", WorkNo: "30001"}}, far))
	r.finish("vcc-0007", "30001", "c", messages.OutcomeSignedOut)

	begin := time.Now()
	vccs, strays, err := r.client.VCCs(r.ctx)
	r.must(err)
	all, err := r.client.Statuses(r.ctx, vccs)
	r.must(err)
	t.Logf("%d VCCs took %v", len(all), time.Since(begin))
	if len(all) != n+1 || len(strays) != 1 || strays["forcelogout.commands.a$b"] != 1 {
		t.Fatalf("%d VCCs, strays %v", len(all), strays)
	}
	for _, s := range all {
		switch {
		case s.VCC == "planned-only" && (s.Scheduled != 1 || s.Waiting+s.Done != 0):
			t.Errorf("%+v", s)
		case s.VCC == "vcc-0007" && (s.Scheduled != 1 || s.Waiting != 1 || s.Done != 1 || s.OldestAge <= 0):
			t.Errorf("%+v", s)
		case len(s.Workers) != 1 || s.Workers[0].Worker != "w-"+prefix.Status(s.VCC) || s.Sessions != 2 || s.Gateway != messages.GatewayUp:
			t.Errorf("%+v", s)
		}
	}
}

// TestStatusPaused: the brake shows.
func TestStatusPaused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	consumer, err := streams.Bind(r.ctx, r.js, streams.Plan{Prefix: prefix}, vcc)
	r.must(err)
	stream, err := r.js.Stream(r.ctx, prefix.Stream("COMMANDS"))
	r.must(err)
	for _, paused := range []bool{true, false} {
		if paused {
			_, err = stream.PauseConsumer(r.ctx, consumer.CachedInfo().Name, time.Now().Add(time.Hour))
		} else {
			_, err = stream.ResumeConsumer(r.ctx, consumer.CachedInfo().Name)
		}
		r.must(err)
		all, err := r.client.Statuses(r.ctx, []string{vcc})
		r.must(err)
		if all[0].Paused != paused || len(all[0].Workers) != 0 || all[0].Gateway != "" {
			t.Errorf("%+v", all[0])
		}
	}
}

// TestStatusWithoutWorkers: a VCC that nobody answers for hides no other one's workers.
func TestStatusWithoutWorkers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, vcc := range []string{"a-silent", "served", "z-silent"} {
		_, err := streams.Bind(r.ctx, r.js, streams.Plan{Prefix: prefix}, vcc)
		r.must(err)
	}
	workers, err := nats.Connect(r.server.URL())
	r.must(err)
	t.Cleanup(workers.Close)
	_, err = workers.Subscribe(prefix.Status("served"), func(m *nats.Msg) {
		time.Sleep(20 * time.Millisecond) // the server has said by then that the others are silent
		if data, err := (messages.WorkerStatus{Worker: "w", Ready: true, Gateway: messages.GatewayUp}).Encode(); err == nil {
			_ = m.Respond(data)
		}
	})
	r.must(err)
	r.must(workers.Flush())
	all, err := r.client.Statuses(r.ctx, []string{"a-silent", "served", "z-silent"})
	r.must(err)
	for _, s := range all {
		if want := map[string]int{"served": 1}[s.VCC]; len(s.Workers) != want {
			t.Errorf("%d workers, want %d: %+v", len(s.Workers), want, s)
		}
	}
}
