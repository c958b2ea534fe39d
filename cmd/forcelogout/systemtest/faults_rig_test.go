package systemtest

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/messages/schematest"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/streams"
)

var faultSeed = flag.Uint64("seed", 1, "of the fault scenarios")

// faults is an installation whose parts fail: workers in processes of their own, a
// NATS server on disk that can go away, proxies between all of them.
type faults struct {
	*testing.T
	ctx     context.Context
	rand    *rand.Rand
	dir     string
	server  *embedded.Server // nil where the test has made its own
	nats    string           // as workers reach it
	nc      *nats.Conn
	js      jetstream.JetStream
	plan    streams.Plan
	client  *client.Client
	sim     *sim.Gateway
	gateway string
	crew    []*process
	hired   int
	ackWait time.Duration
	orders  map[string]messages.Command // by id
	lost    bool                        // calls may have been under way when their worker was lost
}

// newFaults prints the seed that repeats its decisions.
func newFaults(t *testing.T) *faults {
	t.Helper()
	return serve(bareFaults(t))
}

// newCalmFaults has an AckWait that ends no lease where a busy machine stands still for
// a moment: what its workers say is about the fault alone.
func newCalmFaults(t *testing.T) *faults {
	t.Helper()
	f := bareFaults(t)
	f.ackWait = 15 * time.Second
	return serve(f)
}

func serve(f *faults) *faults {
	f.Helper()
	server, err := embedded.Start(f.dir, "127.0.0.1:0")
	f.must(err)
	f.server = server
	f.Cleanup(func() { f.must(f.server.Stop(context.Background())) })
	f.join(server.URL(), 1)
	return f
}

// bareFaults has no NATS yet.
func bareFaults(t *testing.T) *faults {
	t.Helper()
	if testing.Short() {
		t.Skip("a whole installation: not with -short")
	}
	t.Logf("repeat with -seed %d", *faultSeed)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	f := &faults{
		T: t, ctx: ctx, ackWait: faultAckWait, rand: rand.New(rand.NewPCG(*faultSeed, uint64(len(t.Name())))), dir: t.TempDir(),
		// An agent who is gone is signed out again with "0": what is doubled shows.
		sim: sim.New(sim.Config{AbsentRetcode: "0", Seed: *faultSeed, CallLog: 4_000_000}), orders: map[string]messages.Command{},
	}
	f.sim.GiveSession("1001", rig.GUID)
	f.sim.SetFaults(sim.Faults{Latency: 100 * time.Millisecond})
	server, err := sim.Listen(f.sim, "127.0.0.1:0", false)
	f.must(err)
	t.Cleanup(func() { _ = server.Close() })
	f.gateway = server.URL
	return f
}

// join connects to NATS and sets it up.
func (f *faults) join(url string, replicas int) {
	f.Helper()
	f.nats = url
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	f.must(err)
	f.Cleanup(nc.Close)
	schematest.Watch(f.T, nc)
	f.nc = nc
	f.js, err = jetstream.New(nc)
	f.must(err)
	f.client, err = client.New(nc, messages.DefaultPrefix)
	f.must(err)
	f.plan = streams.Plan{Prefix: messages.DefaultPrefix, AckWait: f.ackWait, Replicas: replicas}
	_, err = streams.Setup(f.ctx, f.js, f.plan)
	f.must(err)
	f.bind()
}

const (
	faultAckWait = 2 * time.Second
	callTimeout  = time.Second
)

// bind makes the consumer if there is none.
func (f *faults) bind() {
	f.Helper()
	f.reach(func(ctx context.Context) error {
		_, err := streams.Bind(ctx, f.js, f.plan, messages.DefaultVCC)
		return err
	})
}

func (f *faults) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// hire starts a worker, and returns when it works.
func (f *faults) hire(nats, gateway string, more ...string) *process {
	f.Helper()
	p := f.begin(nats, gateway, more...)
	p.admin(f.T, f.ctx)
	return p
}

// begin starts a worker and does not wait for it.
func (f *faults) begin(nats, gateway string, more ...string) *process {
	f.Helper()
	f.hired++
	guid := filepath.Join(f.dir, "guid")
	f.must(os.WriteFile(guid, []byte(rig.GUID), 0o600))
	args := []string{"worker", "--nats", nats, "--gateway", gateway, "--name", fmt.Sprint("w", f.hired),
		"--inspector", "1001", "--guid-file", guid, "--concurrency", "16", "--call-timeout", callTimeout.String(),
		"--listen", "127.0.0.1:0", "--log-format", "json", "--retry-initial", "50ms", "--retry-max", "1s"}
	p := startProcess(f.T, append(args, more...)...)
	f.crew = append(f.crew, p)
	return p
}

// fire ends one worker of the crew with a signal, and waits for its end.
func (f *faults) fire(s syscall.Signal) {
	f.Helper()
	at := f.rand.IntN(len(f.crew))
	p := f.crew[at]
	f.crew = slices.Delete(f.crew, at, at+1)
	f.must(p.Process.Signal(s))
	if err := p.Wait(); err != nil && s == syscall.SIGTERM {
		f.Errorf("a drained worker ends with %v: %s", err, p.log.String())
	}
}

// lastWords are the ends of the workers' logs.
func (f *faults) lastWords() string {
	var text strings.Builder
	for _, p := range f.crew {
		lines := strings.Split(p.log.String(), "\n")
		text.WriteString(strings.Join(lines[max(0, len(lines)-8):], "\n"))
	}
	return text.String()
}
