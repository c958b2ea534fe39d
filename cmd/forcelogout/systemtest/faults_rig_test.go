package systemtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
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

// send publishes n more commands, one agent each. Some live for seconds only.
func (f *faults) send(n int) {
	f.Helper()
	commands := make([]messages.Command, n)
	for i := range commands {
		c := messages.Command{WorkNo: agentNo(len(f.orders))}
		c.ID = "f-" + c.WorkNo
		if f.rand.IntN(20) == 0 {
			c.ExpiresAt = time.Now().Add(time.Duration(f.rand.IntN(8000)) * time.Millisecond)
		}
		commands[i], f.orders[c.ID] = c, c
	}
	orders := func(yield func(client.Order, error) bool) {
		for _, c := range commands {
			if !yield(client.Order{Command: c}, nil) {
				return
			}
		}
	}
	f.reach(func(ctx context.Context) error {
		var open error
		err := f.client.Publish(ctx, 0, orders, func(r client.Receipt) {
			// What an attempt before has stored may have ended by now.
			if !errors.Is(r.Err, client.ErrEnded) {
				open = errors.Join(open, r.Err)
			}
		})
		return errors.Join(open, err)
	})
}

// cancel withdraws some of the commands, wherever they are.
func (f *faults) cancel(n int) {
	f.Helper()
	var ids []string
	for range n {
		ids = append(ids, "f-"+agentNo(f.rand.IntN(len(f.orders))))
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	f.reach(func(ctx context.Context) error {
		err := f.client.Cancel(ctx, messages.DefaultVCC, client.Selection{IDs: ids},
			messages.Cancellation{RequestedBy: "test", At: time.Now()}, 10*time.Second, func(client.Withdrawal) {})
		// Whoever has one in hand may be cut off; the answer is open then.
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	})
}

// reach does something with NATS, again where a leader is missing that will be elected.
func (f *faults) reach(do func(context.Context) error) {
	f.Helper()
	for {
		ctx, cancel := context.WithTimeout(f.ctx, 10*time.Second)
		err := do(ctx)
		cancel()
		var api *jetstream.APIError
		switch {
		case errors.As(err, &api) && api.Code == http.StatusServiceUnavailable, errors.Is(err, nats.ErrNoResponders),
			errors.Is(err, streams.ErrNoJetStream), errors.Is(err, client.ErrNoJetStream), errors.Is(err, jetstream.ErrNoStreamResponse),
			errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
			f.must(f.ctx.Err())
		default:
			f.must(err)
			return
		}
		f.tick()
	}
}

// awaitResults waits until at least n results are stored.
func (f *faults) awaitResults(n int) {
	f.Helper()
	for have := f.stored("RESULTS"); have < n; have = f.stored("RESULTS") {
		if f.ctx.Err() != nil {
			f.Fatalf("%d of %d results came; workers:\n%s", have, n, f.lastWords())
		}
		f.tick()
	}
}

// stored counts a stream's messages; none where NATS does not answer.
func (f *faults) stored(kind string) int {
	ctx, cancel := context.WithTimeout(f.ctx, time.Second)
	defer cancel()
	stream, err := f.js.Stream(ctx, messages.DefaultPrefix.Stream(kind))
	if err != nil {
		return -1
	}
	return int(stream.CachedInfo().State.Msgs)
}

// some waits until some more results are stored.
func (f *faults) some() {
	f.Helper()
	f.awaitResults(min(len(f.orders), f.stored("RESULTS")+30+f.rand.IntN(60)))
}

func (f *faults) tick() {
	select {
	case <-f.ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

// pass lets a fault last.
func (f *faults) pass(d time.Duration) {
	select {
	case <-f.ctx.Done():
	case <-time.After(d):
	}
}

// tooLong is longer than a lease lasts.
func (f *faults) tooLong() time.Duration {
	return faultAckWait + time.Duration(300+f.rand.IntN(1200))*time.Millisecond
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
