package systemtest

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/embedded"
)

// proxy is a TCP connection between two parts that can be made bad.
type proxy struct {
	*faults
	*toxiproxy.Proxy
}

func (f *faults) proxy(to string) proxy {
	f.Helper()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(api, "proxy", "127.0.0.1:0", to[strings.Index(to, "://")+3:])
	f.must(p.Start())
	f.Cleanup(p.Stop)
	return proxy{f, p}
}

// poison adds a toxic in both directions.
func (p proxy) poison(kind, attributes string) {
	p.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"name":"%s-%s","type":%q,"stream":%q,"attributes":%s}`, kind, stream, kind, stream, attributes)
		_, err := p.Toxics.AddToxicJson(strings.NewReader(toxic))
		p.must(err)
	}
}

// cut lets nothing through, in silence.
func (p proxy) cut()  { p.poison("timeout", `{"timeout":0}`) }
func (p proxy) heal() { p.Toxics.ResetToxics(p.faults.ctx) }

// TestFaultsNATSRestart: the server goes away and comes back while everything is
// under way.
func TestFaultsNATSRestart(t *testing.T) {
	t.Parallel()
	f := newFaults(t)
	// A lease that ends with the server's absence hands a call over.
	f.lost = true
	for range 2 {
		f.hire(f.nats, f.gateway)
	}
	f.send(2000)
	addr := f.server.Addr()
	for range 3 {
		f.some()
		f.must(f.server.Stop(f.ctx))
		server, err := embedded.Start(f.dir, addr)
		f.must(err)
		f.server = server
		f.cancel(10)
	}
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected)
}

// TestFaultsNATSKilled: the server is killed and started again on its store. What
// it has acknowledged is there; what it may have forgotten to have delivered is not
// called before whoever has it must be done.
func TestFaultsNATSKilled(t *testing.T) {
	t.Parallel()
	f := bareFaults(t)
	f.lost = true
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	f.must(err)
	addr := listener.Addr().String()
	f.must(listener.Close())
	// In the process of a worker that has nothing to do with the commands.
	start := func() *process {
		p := f.hire("nats://"+addr, f.gateway, "--vcc", "host", "--embedded-nats", filepath.Join(f.dir, "store"), "--embedded-nats-listen", addr)
		f.crew = f.crew[:len(f.crew)-1] // it is ended here
		return p
	}
	host := start()
	f.join("nats://"+addr, 1)
	for range 2 {
		f.hire(f.nats, f.gateway)
	}
	f.send(2000)
	for range 3 {
		f.some()
		f.must(host.Process.Signal(syscall.SIGKILL))
		_ = host.Wait()
		host = start()
		f.cancel(10)
	}
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected)
}

// TestFaultsNATSSlow: the way to NATS is long and narrow.
func TestFaultsNATSSlow(t *testing.T) {
	t.Parallel()
	f := newFaults(t)
	way := f.proxy(f.nats)
	way.poison("latency", `{"latency":60,"jitter":40}`)
	way.poison("bandwidth", `{"rate":200}`)
	for range 2 {
		f.hire("nats://"+way.Listen, f.gateway)
	}
	f.send(1000)
	f.some()
	f.cancel(10)
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected, messages.OutcomeAlreadySignedOut)
}

// TestFaultsPartition: one worker loses NATS in the middle of its calls, the other
// goes on, and the first comes back.
func TestFaultsPartition(t *testing.T) {
	t.Parallel()
	f := newFaults(t)
	f.lost = true
	way := f.proxy(f.nats)
	f.hire("nats://"+way.Listen, f.gateway)
	f.hire(f.nats, f.gateway)
	f.send(1000)
	for range 2 {
		f.some()
		way.cut()
		f.cancel(10)
		f.awaitResults(len(f.orders))
		way.heal()
		f.send(500)
	}
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected)
}

// TestFaultsDiskFull: the server has no room left: it takes neither notes nor
// results. When it has again, every command ends, and nothing was called twice.
func TestFaultsDiskFull(t *testing.T) {
	t.Parallel()
	f := bareFaults(t)
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: f.dir, JetStreamMaxStore: 8 << 20, NoSigs: true, NoLog: true,
	})
	f.must(err)
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(30 * time.Second) {
		t.Fatal("no server")
	}
	f.join(ns.ClientURL(), 1)
	filler, err := f.js.CreateStream(f.ctx, jetstream.StreamConfig{Name: "FILLER", Subjects: []string{"filler"}})
	f.must(err)
	f.hire(f.nats, f.gateway)
	f.send(1000)
	f.some()
	for _, size := range []int{256 << 10, 1 << 10, 1} {
		for err = nil; err == nil; {
			_, err = f.js.Publish(f.ctx, "filler", make([]byte, size))
		}
	}
	f.crew[0].log.AwaitText(t, f.ctx, "results cannot be stored")
	f.must(filler.Purge(f.ctx))
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected, messages.OutcomeAlreadySignedOut)
}
