package client_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// cluster is three servers that have everything three times.
type cluster struct {
	*rig
	nodes [3]*server.Server
}

// newCluster connects the client to all servers, so that it may lose any.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("three servers: not with -short")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	c := &cluster{rig: &rig{TB: t, ctx: ctx, dir: t.TempDir()}}
	var ports [3]int
	routes := ""
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		c.must(err)
		ports[i] = listener.Addr().(*net.TCPAddr).Port
		routes += fmt.Sprintf(",nats://127.0.0.1:%d", ports[i])
		c.must(listener.Close())
	}
	urls := ""
	for i := range c.nodes {
		node, err := server.NewServer(&server.Options{
			ServerName: nodeName(i), Host: "127.0.0.1", Port: server.RANDOM_PORT,
			JetStream: true, StoreDir: filepath.Join(c.dir, nodeName(i)), NoSigs: true, NoLog: true,
			Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: ports[i]},
			Routes:  server.RoutesFromStr(routes[1:]),
		})
		c.must(err)
		node.Start()
		t.Cleanup(func() { node.Shutdown(); node.WaitForShutdown() })
		if !node.ReadyForConnections(20 * time.Second) {
			t.Fatal("a server did not start")
		}
		c.nodes[i] = node
		urls += "," + node.ClientURL()
	}
	var err error
	c.nc, err = nats.Connect(urls[1:], nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	c.must(err)
	t.Cleanup(c.nc.Close)
	c.js, err = jetstream.New(c.nc)
	c.must(err)
	// A cluster that has just met refuses some things for a moment.
	c.until("there are streams", func(ctx context.Context) error {
		_, err := streams.Setup(ctx, c.js, streams.Plan{Prefix: prefix, Replicas: 3})
		return err
	})
	c.client, err = client.New(c.nc, prefix)
	c.must(err)
	return c
}

func nodeName(i int) string { return fmt.Sprint("n", i) }

func (c *cluster) until(what string, try func(context.Context) error) {
	c.Helper()
	for {
		ctx, cancel := context.WithTimeout(c.ctx, 2*time.Second)
		err := try(ctx)
		cancel()
		if err == nil {
			return
		}
		if c.ctx.Err() != nil {
			c.Fatalf("never: %s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// leader is the server that leads the commands' stream.
func (c *cluster) leader() int {
	leads := -1
	c.until("the stream has a leader", func(ctx context.Context) error {
		stream, err := c.js.Stream(ctx, prefix.Stream("COMMANDS"))
		if err != nil {
			return err
		}
		for i := range c.nodes {
			if stream.CachedInfo().Cluster.Leader == nodeName(i) {
				leads = i
				return nil
			}
		}
		return fmt.Errorf("no leader among the servers: %+v", stream.CachedInfo().Cluster)
	})
	return leads
}

// elect makes the leader of the commands' stream step down.
func (c *cluster) elect() {
	_, _ = c.nc.RequestWithContext(c.ctx, jetstream.DefaultAPIPrefix+"STREAM.LEADER.STEPDOWN."+prefix.Stream("COMMANDS"), nil)
}

// kill ends the server that leads the commands' stream.
func (c *cluster) kill() { c.nodes[c.leader()].Shutdown() }

// TestPublishElection: the stream changes its leader in the middle of the commands,
// also because the leader's server ends. All are stored, once, and called stored; a
// second run finds each of them.
func TestPublishElection(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(int, *client.Order){
		"at once": nil, "for later": func(_ int, o *client.Order) { o.At = time.Date(2126, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 12_000
			c := newCluster(t)
			trouble := map[int]func(){n / 6: c.elect, n / 3: c.elect, n / 2: c.kill}
			done := make(chan struct{}, len(trouble))
			got, seen := newTally(), 0
			c.must(c.client.Publish(c.ctx, time.Minute, many(n, change), func(receipt client.Receipt) {
				got.add(receipt)
				if receipt.Err != nil && len(got.failed) < 3 {
					t.Logf("%s: %v", receipt.State, receipt.Err)
				}
				seen++
				if now := trouble[seen]; now != nil {
					go func() { now(); done <- struct{}{} }()
				}
			}))
			for range trouble {
				<-done
			}
			c.leader()
			if got.states[client.Stored] != n || c.msgs("COMMANDS") != n {
				t.Errorf("%v, %d in the stream", got, c.msgs("COMMANDS"))
			}
			again := newTally()
			c.must(c.client.Publish(c.ctx, time.Minute, many(n, change), again.add))
			if again.states[client.There] != n || len(again.failed) > 0 || c.msgs("COMMANDS") != n {
				t.Errorf("again: %v, %d in the stream", again, c.msgs("COMMANDS"))
			}
		})
	}
}

// TestCancelElection: commands are withdrawn, each with its one answer, while the
// stream changes its leader.
func TestCancelElection(t *testing.T) {
	t.Parallel()
	const n = 4_000
	c := newCluster(t)
	c.plan(n, time.Now().Add(48*time.Hour))
	trouble := map[int]func(){n / 4: c.elect, n / 2: c.kill}
	done := make(chan struct{}, len(trouble))
	seen := map[string]client.Withdrawn{}
	c.must(c.client.Cancel(c.ctx, vcc, client.Selection{IDs: idsOf(n)}, messages.Cancellation{At: time.Now()}, time.Second, func(w client.Withdrawal) {
		if seen[w.ID] != "" {
			t.Errorf("two answers for %s", w.ID)
		}
		if seen[w.ID] = w.Answer; w.Answer != client.Cancelled {
			t.Errorf("%s: %v", w.ID, w)
		}
		if now := trouble[len(seen)]; now != nil {
			go func() { now(); done <- struct{}{} }()
		}
	}))
	for range trouble {
		<-done
	}
	if len(seen) != n {
		t.Errorf("%d answers", len(seen))
	}
}
