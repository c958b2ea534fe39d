package streams_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// cluster is three servers. The first reaches the others by ways that can be held.
type cluster struct {
	*testing.T
	ctx   context.Context
	dir   string
	nodes [3]*server.Server
	ways  []*way
}

func newCluster(ctx context.Context, t *testing.T) *cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("three servers: not with -short")
	}
	c := &cluster{T: t, ctx: ctx, dir: t.TempDir()}
	at := make([]string, 3)
	for i := range at {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		c.must(err)
		at[i] = listener.Addr().String()
		c.must(listener.Close())
	}
	for i := range at {
		c.ways = append(c.ways, newWay(t, at[i]))
	}
	// The others know each other before they can hear of a way.
	c.start(1, at[1], at[2])
	c.start(2, at[2], at[1])
	c.until("two servers", func() bool { return c.nodes[1].NumRoutes() > 0 && c.nodes[2].NumRoutes() > 0 })
	c.start(0, at[0], c.ways[1].Addr().String(), c.ways[2].Addr().String())
	c.until("a leader", c.hasLeader)
	return c
}

func (c *cluster) start(i int, addr string, routes ...string) {
	c.Helper()
	var port int
	_, err := fmt.Sscanf(addr, "127.0.0.1:%d", &port)
	c.must(err)
	node, err := server.NewServer(&server.Options{
		ServerName: c.name(i), Host: "127.0.0.1", Port: server.RANDOM_PORT,
		JetStream: true, StoreDir: filepath.Join(c.dir, c.name(i)), NoSigs: true, NoLog: true,
		Cluster: server.ClusterOpts{Name: "readers", Host: "127.0.0.1", Port: port, Advertise: c.ways[i].Addr().String()},
		Routes:  server.RoutesFromStr("nats://" + strings.Join(routes, ",nats://")),
	})
	c.must(err)
	node.Start()
	c.Cleanup(func() { node.Shutdown(); node.WaitForShutdown() })
	c.nodes[i] = node
}

func (c *cluster) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *cluster) until(what string, is func() bool) {
	c.Helper()
	for !is() {
		if c.ctx.Err() != nil {
			c.Fatalf("the cluster has not %s", what)
		}
		pause()
	}
}

func (c *cluster) name(i int) string { return fmt.Sprint("n", i) }

// hasLeader reports whether there is one that knows all servers.
func (c *cluster) hasLeader() bool {
	for _, n := range c.nodes {
		if n.JetStreamIsLeader() && n.JetStreamIsCurrent() {
			return len(n.JetStreamClusterPeers()) == len(c.nodes)
		}
	}
	return false
}

// connect returns JetStream as a client of one server sees it.
func (c *cluster) connect(i int) jetstream.JetStream {
	c.Helper()
	nc, err := nats.Connect(c.nodes[i].ClientURL(), nats.IgnoreDiscoveredServers())
	c.must(err)
	c.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	c.must(err)
	return js
}

// lead makes a server the leader of a stream.
func (c *cluster) lead(stream string, i int) {
	c.Helper()
	js := c.connect(i)
	c.until("moved the stream's leader", func() bool {
		ctx, cancel := context.WithTimeout(c.ctx, time.Second)
		defer cancel()
		if s, err := js.Stream(ctx, stream); err == nil && s.CachedInfo().Cluster.Leader == c.name(i) {
			return true
		}
		_, _ = js.Conn().RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.LEADER.STEPDOWN."+stream,
			[]byte(`{"placement":{"preferred":"`+c.name(i)+`"}}`))
		return false
	})
}

// cutOff holds all between the first server and the others.
func (c *cluster) cutOff() {
	for _, w := range c.ways {
		w.hold()
	}
}

func (c *cluster) heal() {
	for _, w := range c.ways {
		w.flow()
	}
}

// way is a TCP connection that can be held: what is sent meanwhile arrives later.
type way struct {
	net.Listener
	to   string
	done sync.WaitGroup

	mu    sync.Mutex
	held  chan struct{} // nil while it flows
	conns []net.Conn
}

func newWay(t *testing.T, to string) *way {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{Listener: listener, to: to}
	w.done.Go(w.accept)
	t.Cleanup(func() {
		w.flow()
		_ = w.Close()
		w.mu.Lock()
		for _, conn := range w.conns {
			_ = conn.Close()
		}
		w.mu.Unlock()
		w.done.Wait()
	})
	return w
}

func (w *way) accept() {
	for {
		in, err := w.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = in.Close() // its other end is not there yet
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, in, out)
		w.mu.Unlock()
		w.done.Go(func() { w.copy(in, out) })
		w.done.Go(func() { w.copy(out, in) })
	}
}

func (w *way) copy(to, from net.Conn) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		held := w.held
		w.mu.Unlock()
		if held != nil {
			<-held
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (w *way) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held == nil {
		w.held = make(chan struct{})
	}
}

func (w *way) flow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != nil {
		close(w.held)
		w.held = nil
	}
}
