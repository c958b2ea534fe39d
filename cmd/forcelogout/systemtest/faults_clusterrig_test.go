package systemtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// cluster is three servers that replicate everything. The first one and the others
// reach each other through ways only.
type cluster struct {
	*faults
	options []*server.Options
	nodes   []*server.Server
	ways    []*way // to each of them
}

func (f *faults) cluster() *cluster {
	f.Helper()
	c := &cluster{faults: f, nodes: make([]*server.Server, 3)}
	var ports []net.Listener // taken until the server starts
	for i := range c.nodes {
		port, err := net.Listen("tcp", "127.0.0.1:0")
		f.must(err)
		ports = append(ports, port)
		c.ways = append(c.ways, f.way("nats://"+port.Addr().String()))
		c.options = append(c.options, &server.Options{
			ServerName: fmt.Sprint("n", i), Host: "127.0.0.1", Port: server.RANDOM_PORT,
			JetStream: true, StoreDir: filepath.Join(f.dir, fmt.Sprint(i)), NoSigs: true, NoLog: true,
			// Others hear of the way; clients hear only of their own server.
			Cluster: server.ClusterOpts{
				Name: "faults", Host: "127.0.0.1", Port: port.Addr().(*net.TCPAddr).Port,
				Advertise: c.ways[i].Addr().String(), NoAdvertise: true,
			},
		})
	}
	c.options[0].Routes = server.RoutesFromStr(c.ways[1].url() + "," + c.ways[2].url())
	c.options[1].Routes = server.RoutesFromStr(c.ways[0].url() + ",nats://" + ports[2].Addr().String())
	c.options[2].Routes = server.RoutesFromStr(c.ways[0].url() + ",nats://" + ports[1].Addr().String())
	for _, i := range []int{1, 2, 0} {
		f.must(ports[i].Close())
		c.start(i)
		f.Cleanup(func() { c.stop(i) })
		if i == 2 {
			c.await("the two have no connection", func() bool { return c.nodes[1].NumRoutes() > 0 })
		}
	}
	// All are known to be able to hold replicas.
	c.await("the cluster has no leader", func() bool {
		return slices.ContainsFunc(c.nodes, func(n *server.Server) bool {
			return n.JetStreamIsLeader() && n.JetStreamIsCurrent() && len(n.JetStreamClusterPeers()) == len(c.nodes)
		})
	})
	return c
}

func (c *cluster) await(otherwise string, is func() bool) {
	c.Helper()
	for !is() {
		if c.ctx.Err() != nil {
			c.Fatal(otherwise)
		}
		c.tick()
	}
}

func (c *cluster) start(i int) {
	c.Helper()
	var err error
	c.nodes[i], err = server.NewServer(c.options[i])
	c.must(err)
	c.nodes[i].Start()
	if !c.nodes[i].ReadyForConnections(30 * time.Second) {
		c.Fatal("no server")
	}
	c.options[i].Port = c.nodes[i].Addr().(*net.TCPAddr).Port // if it is started again
}

func (c *cluster) stop(i int) {
	c.nodes[i].Shutdown()
	c.nodes[i].WaitForShutdown()
}

func (c *cluster) urls() string {
	var urls []string
	for _, n := range c.nodes {
		urls = append(urls, n.ClientURL())
	}
	return strings.Join(urls, ",")
}

// cut takes the first server away from the others, heal brings it back. What they
// have to say to each other arrives then.
func (c *cluster) cut() {
	for _, w := range c.ways {
		w.hold()
	}
}

func (c *cluster) heal() {
	for _, w := range c.ways {
		w.flow()
	}
}

// leaders are the servers that lead the consumer and everything that workers read
// and write, "" where there is none, by the subject on which one resigns.
func (c *cluster) leaders() map[string]string {
	ctx, cancel := context.WithTimeout(c.ctx, 2*time.Second)
	defer cancel()
	leaders := map[string]string{}
	for _, kind := range []string{"COMMANDS", "RESULTS", "PARKED", "DEAD"} {
		name := messages.DefaultPrefix.Stream(kind)
		leader := ""
		if stream, err := c.js.Stream(ctx, name); err == nil {
			leader = stream.CachedInfo().Cluster.Leader
		}
		leaders["STREAM.LEADER.STEPDOWN."+name] = leader
	}
	stream, name := streams.NamesOf(messages.DefaultPrefix).Commands, messages.DefaultPrefix.Consumer(messages.DefaultVCC)
	leader := ""
	if consumer, err := c.js.Consumer(ctx, stream, name); err == nil {
		leader = consumer.CachedInfo().Cluster.Leader
	}
	leaders["CONSUMER.LEADER.STEPDOWN."+stream+"."+name] = leader
	return leaders
}

// lead lets one server lead them all.
func (c *cluster) lead(node string) {
	c.Helper()
	request, err := json.Marshal(map[string]any{"placement": map[string]string{"preferred": node}})
	c.must(err)
	c.await(node+" does not lead", func() bool {
		all := true
		for subject, leader := range c.leaders() {
			if leader != "" && leader != node {
				_, _ = c.nc.Request(jetstream.DefaultAPIPrefix+subject, request, time.Second)
			}
			all = all && leader == node
		}
		return all
	})
}

// awaitSuccessors waits until the other servers do without the first one.
func (c *cluster) awaitSuccessors() {
	c.Helper()
	c.await("the two elect no leader", func() bool {
		for _, leader := range c.leaders() {
			if leader == "" || leader == c.nodes[0].Name() {
				return false
			}
		}
		return true
	})
}

// leader is the server that leads a stream.
func (f *faults) leader(kind string) string {
	f.Helper()
	stream, err := f.js.Stream(f.ctx, messages.DefaultPrefix.Stream(kind))
	f.must(err)
	return stream.CachedInfo().Cluster.Leader
}

// stepDown makes another server lead a stream.
func (f *faults) stepDown(kind string) error {
	ctx, cancel := context.WithTimeout(f.ctx, 5*time.Second)
	defer cancel()
	_, err := f.nc.RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.LEADER.STEPDOWN."+messages.DefaultPrefix.Stream(kind), nil)
	return err
}
