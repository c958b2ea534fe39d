package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
)

// untilDown waits until a worker finds its gateway down.
func (r *rig) untilDown(w running) {
	r.Helper()
	for err := w.Ready(); err == nil || !strings.Contains(err.Error(), "the gateway is down"); err = w.Ready() {
		if r.ctx.Err() != nil {
			r.Fatalf("the gateway is not found down, ready says %v", err)
		}
		r.tick()
	}
}

func (r *rig) untilReady(w running) {
	r.Helper()
	for err := w.Ready(); err != nil; err = w.Ready() {
		if r.ctx.Err() != nil {
			r.Fatalf("not ready: %v", err)
		}
		r.tick()
	}
}

// gatewayStates follows what workers tell of the gateway.
func (r *rig) gatewayStates() *nats.Subscription {
	r.Helper()
	sub, err := r.nc.SubscribeSync(prefix.GatewayState(vcc))
	r.must(err)
	r.must(r.nc.Flush())
	return sub
}

func (r *rig) nextState(sub *nats.Subscription, want string) messages.GatewayState {
	r.Helper()
	m, err := sub.NextMsgWithContext(r.ctx)
	r.must(err)
	s, err := messages.DecodeGatewayState(m.Data)
	r.must(err)
	if s.State != want || s.Worker != "w" || s.VCC != vcc {
		r.Errorf("gateway state %+v, want %s", s, want)
	}
	return s
}

// TestGatewayDown: in whatever way a gateway is down, the worker notices, spends no
// attempts on it, ends what expires on time, and goes on when it is back.
func TestGatewayDown(t *testing.T) {
	t.Parallel()
	cases := map[string]sim.Faults{
		"no CTI back end": {Down: true},
		"hanging":         {HangRate: 1},
		"recovery":        {FailRate: 1, Retcode: "105-002"},
	}
	for name, faults := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.sim.SetFaults(faults)
			states := r.gatewayStates()
			w := r.start(func(c *worker.Config) { c.CallTimeout = 500 * time.Millisecond })
			const commands = 300
			var orders []messages.Command
			for i := range commands {
				o := order("id-"+agentNo(i), agentNo(i))
				if i%3 == 0 {
					o.ExpiresAt = time.Now().Add(4 * time.Second)
				}
				orders = append(orders, o)
			}
			r.send(orders...)
			r.untilDown(w)
			r.nextState(states, messages.GatewayDown)
			for id, got := range r.await(commands / 3) {
				if got.Outcome != messages.OutcomeExpired {
					t.Errorf("%s: result %+v, want expired", id, got)
				}
			}
			r.sim.SetFaults(sim.Faults{Latency: 10 * time.Millisecond})
			r.nextState(states, messages.GatewayUp)
			counts := map[messages.Outcome]int{}
			for _, got := range r.await(commands) {
				counts[got.Outcome]++
			}
			if counts[messages.OutcomeSignedOut] != commands*2/3 || counts[messages.OutcomeExpired] != commands/3 {
				t.Errorf("outcomes %v", counts)
			}
			r.untilReady(w)
			r.idle()
		})
	}
}

// TestGatewayUnreachable: nobody listens. One command alone is enough to see it,
// and has lost no attempts for it.
func TestGatewayUnreachable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	gate := sim.New(sim.Config{})
	gate.GiveSession(inspector, guid)
	listener, err := sim.Listen(gate, "127.0.0.1:0", false)
	r.must(err)
	r.url = listener.URL
	addr := strings.TrimPrefix(r.url, "http://")
	r.must(listener.Close())
	w := r.start(func(c *worker.Config) {
		c.Retry = worker.Retry{MaxAttempts: 4, Initial: 500 * time.Millisecond, Max: 700 * time.Millisecond}
	})
	r.send(order("a", "30001"))
	r.untilDown(w)
	listener, err = sim.Listen(gate, addr, false)
	r.must(err)
	t.Cleanup(func() { _ = listener.Close() })
	if got := r.awaitOne("a"); got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("result %+v", got)
	}
	r.untilReady(w)
}

// TestGatewayBackUnasked: no command is left to try the gateway with, and the
// worker finds out by itself that it is back.
func TestGatewayBackUnasked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.SetFaults(sim.Faults{Down: true})
	w := r.start(nil)
	var orders []messages.Command
	for i := range 20 {
		o := order("id-"+agentNo(i), agentNo(i))
		o.ExpiresAt = time.Now().Add(3 * time.Second)
		orders = append(orders, o)
	}
	r.send(orders...)
	r.untilDown(w)
	r.await(len(orders))
	r.sim.SetFaults(sim.Faults{})
	r.untilReady(w)
	r.send(order("after", "40001"))
	if got := r.awaitOne("after"); got.Outcome != messages.OutcomeSignedOut || got.Attempts != 1 {
		t.Errorf("result %+v", got)
	}
}

// TestGatewayNoHerd: during an outage calls are tried one at a time, and after it
// there are never more in flight than one and as many as have been answered well.
func TestGatewayNoHerd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.SetFaults(sim.Faults{Down: true, Latency: herdLatency})
	states := r.gatewayStates()
	w := r.start(func(c *worker.Config) { c.Concurrency = 32 })
	const commands = 400
	var orders []messages.Command
	for i := range commands {
		orders = append(orders, order("id-"+agentNo(i), agentNo(i)))
	}
	r.send(orders...)
	r.untilDown(w)
	down := r.nextState(states, messages.GatewayDown).At
	trials := 0
	_, err := r.sim.AwaitCall(r.ctx, func(c sim.Call) bool {
		// What was under way when it went down is not a trial.
		if c.Op == sim.OpForceLogout && c.Start.After(down.Add(time.Second)) {
			trials++
		}
		return trials == 2
	})
	r.must(err)
	r.sim.SetFaults(sim.Faults{Latency: herdLatency})
	r.await(commands)
	checkHerd(t, r.sim.Calls(), down.Add(time.Second))
}

const herdLatency = 100 * time.Millisecond

func checkHerd(t *testing.T, calls []sim.Call, after time.Time) {
	t.Helper()
	var trials []sim.Call
	for _, c := range calls {
		if c.Op == sim.OpForceLogout && c.Start.After(after) {
			trials = append(trials, c)
		}
	}
	for i, c := range trials {
		good, inFlight := 0, 1
		for _, before := range trials[:i] {
			switch {
			// The record learns of an answer's end after the client does.
			case before.End.After(c.Start.Add(herdLatency * 4 / 5)):
				inFlight++
			case before.Effect:
				good++
			}
		}
		if inFlight > 1+good {
			t.Fatalf("call %d: %d in flight after %d good answers", i, inFlight, good)
		}
	}
}

// TestGatewayDownForOneVCC: the outage of one leaves the other alone.
func TestGatewayDownForOneVCC(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.SetFaults(sim.Faults{Down: true})
	sick := r.start(nil)
	other := sim.New(sim.Config{})
	other.GiveSession(inspector, guid)
	server, err := sim.Listen(other, "127.0.0.1:0", false)
	r.must(err)
	t.Cleanup(func() { _ = server.Close() })
	gw, err := gateway.NewClient(gateway.Options{URL: server.URL})
	r.must(err)
	t.Cleanup(gw.Close)
	healthy := r.start(func(c *worker.Config) {
		c.VCC, c.Gateway, c.Metrics = "other", gw, admin.NewMetrics("other")
		c.Inspectors = []session.Account{{Inspector: inspector, GUID: guid}}
	})
	var orders, others []messages.Command
	for i := range 100 {
		orders = append(orders, order("id-"+agentNo(i), agentNo(i)))
		others = append(others, order("other-"+agentNo(i), agentNo(i)))
	}
	r.send(orders...)
	r.untilDown(sick)
	r.must(r.client.Submit(r.ctx, "other", others))
	feed, err := r.client.Results(r.ctx, client.Filter{VCC: "other", Since: time.Now().Add(-time.Hour)})
	r.must(err)
	t.Cleanup(feed.Close)
	for range others {
		if got, _, err := feed.Next(r.ctx); err != nil || got.Outcome != messages.OutcomeSignedOut {
			t.Fatalf("result %+v, %v", got, err)
		}
	}
	r.must(healthy.Ready())
	if sick.Ready() == nil {
		t.Error("the gateway that is down counts as back")
	}
}
