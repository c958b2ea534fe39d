package worker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// TestPullLimits: commands, and results to an observer, come within the limits that the server and the consumer have
// for pulls, also where these fall while the worker runs.
func TestPullLimits(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		server server.JSLimitOpts
		limit  func(*jetstream.ConsumerConfig)
	}{
		"server":                   {server.JSLimitOpts{MaxRequestBatch: 2}, nil},
		"batch":                    {server.JSLimitOpts{}, func(c *jetstream.ConsumerConfig) { c.MaxRequestBatch = 1 }},
		"expires":                  {server.JSLimitOpts{}, func(c *jetstream.ConsumerConfig) { c.MaxRequestExpires = 200 * time.Millisecond }},
		"expires, with heartbeats": {server.JSLimitOpts{}, func(c *jetstream.ConsumerConfig) { c.MaxRequestExpires = 2 * time.Second }},
		"bytes":                    {server.JSLimitOpts{}, func(c *jetstream.ConsumerConfig) { c.MaxRequestMaxBytes = 1 }},
		"all": {server.JSLimitOpts{MaxRequestBatch: 3}, func(c *jetstream.ConsumerConfig) {
			c.MaxRequestBatch, c.MaxRequestExpires = 2, time.Second
		}},
	}
	for name, c := range cases {
		for _, later := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " later ", later), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				ns := limitedServer(t, c.server)
				r.elsewhere = ns.ClientURL()
				r.use(r.connect())
				plan := streams.Plan{Prefix: prefix}
				_, err := streams.Setup(r.ctx, r.js, plan)
				r.must(err)
				consumer, err := streams.Bind(r.ctx, r.js, plan, vcc)
				r.must(err)
				limit := func() {
					if c.limit == nil {
						return
					}
					cfg := consumer.CachedInfo().Config
					c.limit(&cfg)
					_, err := r.js.UpdateConsumer(r.ctx, prefix.Stream("COMMANDS"), cfg)
					r.must(err)
				}
				if !later {
					limit()
				}
				d := r.diary()
				w := r.start(func(c *worker.Config) { c.WatchPeriod = 500 * time.Millisecond; d.into(c) })
				r.send(order("first", "40001"))
				r.awaitOne("first")
				if later {
					limit()
				}
				const commands = 100
				r.send(crew(0, commands)...)
				for _, got := range r.await(1 + commands) {
					if got.Outcome != messages.OutcomeSignedOut || got.Attempts != 1 {
						t.Errorf("result %+v", got)
					}
				}
				r.must(w.Ready())
				if n := d.warnings(); n > 0 {
					t.Errorf("%d warnings", n)
				}
			})
		}
	}
}

func limitedServer(t *testing.T, limits server.JSLimitOpts) *server.Server {
	t.Helper()
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), JetStreamLimits: limits, NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(30 * time.Second) {
		t.Fatal("no server")
	}
	return ns
}

// TestNoPullsWhileDisconnected: without NATS a worker keeps no subscription more for
// each second.
func TestNoPullsWhileDisconnected(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	addr := r.natsAddr()
	nc := r.connect()
	w := r.startAt(nc, nil)
	r.send(order("a", "30001"))
	r.awaitOne("a")
	r.stopNATS()
	r.until("not ready", func() bool { return w.Ready() != nil })
	most := nc.NumSubscriptions() + 2 // a pull may just have begun
	for range 500 {
		r.tick()
		if n := nc.NumSubscriptions(); n > most {
			t.Fatalf("%d subscriptions, at first at most %d", n, most)
		}
	}
	r.startNATS(addr)
	r.send(order("b", "30002"))
	r.awaitOne("b")
	r.until("ready", func() bool { return w.Ready() == nil })
}
