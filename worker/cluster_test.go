package worker_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// cluster is three servers. What goes between the first and the others goes over lines.
type cluster struct {
	servers [3]*server.Server
	lines   [3]*line // to each of them
}

// newCluster has everything stored three times, and led by another server than the
// first.
func newCluster(t testing.TB, ackWait time.Duration) (*rig, *cluster) {
	t.Helper()
	r := newGateway(t, sim.Config{})
	r.sim.SetAccount(inspector, sim.Account{Password: password})
	r.sim.GiveSession(inspector, guid)
	c := r.startCluster()
	r.use(r.connectTo(c.servers[1].ClientURL()))
	r.holdToContract(r.connectTo(c.servers[1].ClientURL()))
	// A cluster that has just met refuses some things for a moment.
	r.untilDone("there are streams", func(ctx context.Context) error {
		_, err := streams.Setup(ctx, r.js, streams.Plan{Prefix: prefix, Replicas: 3})
		return err
	})
	r.untilDone("there is a consumer", func(ctx context.Context) error {
		_, err := streams.Bind(ctx, r.js, streams.Plan{Prefix: prefix, AckWait: ackWait}, vcc)
		return err
	})
	for _, kind := range []string{"COMMANDS", "RESULTS", "PARKED"} {
		r.leave("STREAM.LEADER.STEPDOWN."+prefix.Stream(kind), func(ctx context.Context) (*jetstream.ClusterInfo, error) {
			stream, err := r.js.Stream(ctx, prefix.Stream(kind))
			if err != nil {
				return nil, err
			}
			return stream.CachedInfo().Cluster, nil
		})
	}
	r.leave("CONSUMER.LEADER.STEPDOWN."+prefix.Stream("COMMANDS")+"."+prefix.Consumer(vcc), func(ctx context.Context) (*jetstream.ClusterInfo, error) {
		consumer, err := r.js.Consumer(ctx, prefix.Stream("COMMANDS"), prefix.Consumer(vcc))
		if err != nil {
			return nil, err
		}
		return consumer.CachedInfo().Cluster, nil
	})
	return r, c
}

func (r *rig) startCluster() *cluster {
	r.Helper()
	c := &cluster{}
	var others [3]*line // never held
	for i := range c.servers {
		c.lines[i], others[i] = r.line(""), r.line("")
	}
	r.Cleanup(c.heal)
	start := func(i int, routes ...*line) {
		name := fmt.Sprint("n", i)
		o := &server.Options{
			ServerName: name, Host: "127.0.0.1", Port: server.RANDOM_PORT,
			JetStream: true, StoreDir: filepath.Join(r.dir, name), NoSigs: true, NoLog: true,
			Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: server.RANDOM_PORT, Advertise: c.lines[i].addr(), NoAdvertise: true},
		}
		for _, l := range routes {
			o.Routes = append(o.Routes, server.RoutesFromStr("nats://"+l.addr())...)
		}
		ns, err := server.NewServer(o)
		r.must(err)
		c.servers[i] = ns
		ns.Start()
		r.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
		if !ns.ReadyForConnections(20 * time.Second) {
			r.Fatal("a server did not start")
		}
		c.lines[i].lead(ns.ClusterAddr().String())
		others[i].lead(ns.ClusterAddr().String())
	}
	start(1, others[2], c.lines[0])
	start(2, others[1], c.lines[0])
	// They must know each other, or they would look for each other over the lines.
	r.until("two servers have met", func() bool { return c.servers[1].NumRemotes() == 1 && c.servers[2].NumRemotes() == 1 })
	start(0, c.lines[1], c.lines[2])
	r.until("all servers have met", func() bool {
		for _, ns := range c.servers {
			if ns.JetStreamIsLeader() && len(ns.JetStreamClusterPeers()) == len(c.servers) {
				return c.servers[0].NumRemotes() == 2
			}
		}
		return false
	})
	return c
}

// untilDone tries until it works. While a leader is elected nobody answers, so each try
// has its own time.
func (r *rig) untilDone(what string, try func(context.Context) error) {
	r.Helper()
	r.until(what, func() bool {
		ctx, cancel := context.WithTimeout(r.ctx, 2*time.Second)
		defer cancel()
		return try(ctx) == nil
	})
}

// leave makes another server than the first the leader of something.
func (r *rig) leave(stepDown string, info func(context.Context) (*jetstream.ClusterInfo, error)) {
	r.Helper()
	var asked time.Time
	r.untilDone("n0 does not lead", func(ctx context.Context) error {
		now, err := info(ctx)
		if err != nil {
			return err
		}
		// An election takes a moment, in which it must not be disturbed.
		if now.Leader == "n0" && time.Since(asked) > 2*time.Second {
			asked = time.Now()
			_, _ = r.nc.RequestWithContext(ctx, jetstream.DefaultAPIPrefix+stepDown, []byte(`{"placement":{"preferred":"n1"}}`))
		}
		if now.Leader == "" || now.Leader == "n0" {
			return errors.New("no leader among the others")
		}
		return nil
	})
}

// cut holds all that goes between the first server and the others.
func (c *cluster) cut() {
	for _, l := range c.lines {
		l.hold()
	}
}

func (c *cluster) heal() {
	for _, l := range c.lines {
		l.flow()
	}
}

// TestCutOffFromLeader: a worker whose own server answers, but has lost the one that
// leads the consumer, holds its commands for no longer than AckWait.
func TestCutOffFromLeader(t *testing.T) {
	t.Parallel()
	const ackWait = 3 * time.Second
	r, c := newCluster(t, ackWait)
	brief := func(c *worker.Config) {
		c.Concurrency, c.CallTimeout, c.DrainTimeout = 1, ackWait/2, time.Second
	}
	defer r.sim.Hold()()
	r.startAt(r.connectTo(c.servers[0].ClientURL(), nats.ReconnectBufSize(-1)), brief)
	r.send(order("x", "30001"))
	r.must(r.sim.AwaitInFlight(r.ctx, 1))
	r.startAt(r.connectTo(c.servers[2].ClientURL(), nats.ReconnectBufSize(-1)), r.asB(brief))
	c.cut()
	defer c.heal()
	// b has it after AckWait and calls; then a has some more time to call.
	_, err := r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.Inspector == inspectorOfB && c.Op == sim.OpForceLogout })
	r.must(err)
	r.within(ackWait, func() bool {
		calls := r.callsOf(inspector, "30001")
		return calls[len(calls)-1].Start.After(r.callsOf(inspectorOfB, "30001")[0].Start)
	})
	r.notAfter(inspector, "30001", inspectorOfB)
}
