package worker_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/messages/schematest"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
	"github.com/forcelogout/forcelogout/worker/streams"
)

func TestMain(m *testing.M) {
	if os.Getenv(envNATS) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := runAsWorker(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const (
	vcc       = "default"
	inspector = "1001"
	guid      = "11111111-2222-4333-8444-555555555555.AgentGateway1"
	password  = "S3cret-of-1001"
	prefix    = messages.DefaultPrefix
)

// rig is a whole installation: real NATS on disk, the simulated gateway over
// HTTP, and what an observer uses.
type rig struct {
	testing.TB
	ctx    context.Context
	dir    string
	nats   *embedded.Server
	nc     *nats.Conn
	js     jetstream.JetStream
	sim    *sim.Gateway
	url    string
	client *client.Client

	elsewhere string // the URL of another NATS server that is used, "" for nats
}

// newRig has an inspector whose session somebody else keeps.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := newRigWith(t, sim.Config{})
	r.sim.GiveSession(inspector, guid)
	return r
}

// newRigWith has nobody signed in, and an account for the inspector.
func newRigWith(t testing.TB, cfg sim.Config) *rig {
	t.Helper()
	r := newGateway(t, cfg)
	r.startNATS("127.0.0.1:0")
	t.Cleanup(func() { r.stopNATS() })
	r.use(r.connect())
	r.holdToContract(r.connect())
	_, err := streams.Setup(r.ctx, r.js, streams.Plan{Prefix: prefix})
	r.must(err)
	r.sim.SetAccount(inspector, sim.Account{Password: password})
	return r
}

// holdToContract checks, at the test's end, what was published against the schemas.
// Benchmarks measure without it.
func (r *rig) holdToContract(nc *nats.Conn) {
	r.Helper()
	if _, is := r.TB.(*testing.T); is {
		schematest.Watch(r.TB, nc)
	}
}

// newGateway has the simulated gateway, and no NATS yet.
func newGateway(t testing.TB, cfg sim.Config) *rig {
	t.Helper()
	if testing.Short() {
		t.Skip("a whole installation: not with -short")
	}
	// Generous: it only ends a test that would hang.
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	r := &rig{TB: t, ctx: ctx, dir: t.TempDir(), sim: sim.New(cfg)}
	t.Cleanup(cancel)
	server, err := sim.Listen(r.sim, "127.0.0.1:0", false)
	r.must(err)
	t.Cleanup(func() { _ = server.Close() })
	r.url = server.URL
	t.Cleanup(func() {
		for _, breach := range r.sim.Breaches() {
			t.Error(breach)
		}
	})
	return r
}

// use makes a connection the one of the test itself and of its observer.
func (r *rig) use(nc *nats.Conn) {
	r.Helper()
	var err error
	r.nc = nc
	r.js, err = jetstream.New(nc)
	r.must(err)
	r.client, err = client.New(nc, prefix)
	r.must(err)
}

// bound makes the rest of the test fail where it takes longer.
func (r *rig) bound(d time.Duration) {
	ctx, cancel := context.WithTimeout(r.ctx, d)
	r.Cleanup(cancel)
	r.ctx = ctx
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) startNATS(addr string) {
	r.Helper()
	server, err := embedded.Start(r.dir, addr)
	r.must(err)
	r.nats = server
}

func (r *rig) stopNATS() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := r.nats.Stop(ctx); err != nil {
		r.Error(err)
	}
}

// connect gives a connection that comes back by itself.
func (r *rig) connect(opts ...nats.Option) *nats.Conn {
	r.Helper()
	url := r.nats.URL()
	if r.elsewhere != "" {
		url = r.elsewhere
	}
	return r.connectTo(url, opts...)
}

func (r *rig) connectTo(url string, opts ...nats.Option) *nats.Conn {
	r.Helper()
	opts = append(opts, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	nc, err := nats.Connect(url, opts...)
	r.must(err)
	r.Cleanup(nc.Close)
	return nc
}

// running is a worker at work.
type running struct {
	*worker.Worker
	stop func() // drains, and waits for the end
}

// start runs a worker with fast retries; change adjusts its configuration.
func (r *rig) start(change func(*worker.Config)) running {
	r.Helper()
	return r.startAt(r.connect(nats.ReconnectBufSize(-1)), change)
}

// startAt is start with the worker's own way to NATS.
func (r *rig) startAt(nc *nats.Conn, change func(*worker.Config)) running {
	r.Helper()
	gw, err := gateway.NewClient(gateway.Options{URL: r.url})
	r.must(err)
	r.Cleanup(gw.Close)
	cfg := worker.Config{
		Prefix: prefix, VCC: vcc, Instance: "w", Gateway: gw, Inspectors: []session.Account{{Inspector: inspector, GUID: guid}},
		Concurrency: 8,
		Retry:       worker.Retry{MaxAttempts: 4, Initial: 10 * time.Millisecond, Max: 50 * time.Millisecond},
		Log:         slog.New(slog.NewTextHandler(testWriter{r}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics:     admin.NewMetrics(vcc),
	}
	if change != nil {
		change(&cfg)
	}
	w, err := worker.New(r.ctx, nc, cfg)
	r.must(err)
	ctx, cancel := context.WithCancel(r.ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		<-ended
		if left := w.Gauges(); left.InHand != 0 || left.Parked != 0 || left.InFlight != 0 {
			r.Errorf("a worker that has ended counts %d commands in hand, %d waiting, %d calls in flight",
				left.InHand, left.Parked, left.InFlight)
		}
	}
	r.Cleanup(stop)
	return running{Worker: w, stop: stop}
}

// testWriter shows a worker's log where the test fails, and guards its promise.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), guid) || strings.Contains(string(p), ".AgentGateway") || strings.Contains(string(p), password) {
		w.t.Errorf("a log line holds a secret: %s", p)
	}
	if testing.Verbose() {
		w.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// order is a valid command for an agent.
func order(id, workNo string) messages.Command {
	return messages.Command{ID: id, WorkNo: workNo, Reason: "shift-end"}
}

func (r *rig) send(commands ...messages.Command) {
	r.Helper()
	r.must(r.client.Submit(r.ctx, vcc, commands))
}

// publish puts any bytes on the command subject, as a foreign publisher would.
func (r *rig) publish(header nats.Header, data []byte) uint64 {
	r.Helper()
	ack, err := r.js.PublishMsg(r.ctx, &nats.Msg{Subject: prefix.Commands(vcc), Header: header, Data: data})
	r.must(err)
	return ack.Sequence
}

func encoded(t testing.TB, c messages.Command) []byte {
	t.Helper()
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// results follows all results from the installation's beginning.
func (r *rig) results() *client.Results {
	r.Helper()
	feed, err := r.client.Results(r.ctx, client.Filter{Since: time.Now().Add(-time.Hour)})
	r.must(err)
	r.Cleanup(feed.Close)
	return feed
}

// await returns the results of n commands by id.
func (r *rig) await(n int) map[string]messages.Result {
	r.Helper()
	feed := r.results()
	found := map[string]messages.Result{}
	for len(found) < n {
		result, _, err := feed.Next(r.ctx)
		if err != nil {
			r.Fatalf("%d of %d results came: %v", len(found), n, err)
		}
		if earlier, twice := found[result.ID]; twice {
			r.Fatalf("two results of %s: %+v and %+v", result.ID, earlier, result)
		}
		found[result.ID] = result
	}
	return found
}

// awaitOne returns the result of one command.
func (r *rig) awaitOne(id string) messages.Result {
	r.Helper()
	feed := r.results()
	for {
		result, _, err := feed.Next(r.ctx)
		if err != nil {
			r.Fatalf("no result of %s came: %v", id, err)
		}
		if result.ID == id {
			return result
		}
	}
}

// idle waits until the command stream is empty: everything acknowledged.
func (r *rig) idle() {
	r.Helper()
	for r.streamState("COMMANDS").Msgs > 0 {
		if r.ctx.Err() != nil {
			r.Fatal("commands are left in the stream")
		}
		r.tick()
	}
}

// tick is the pause of loops that poll the server for an end state.
func (r *rig) tick() {
	select {
	case <-r.ctx.Done():
	case <-time.After(10 * time.Millisecond):
	}
}

func (r *rig) streamState(kind string) jetstream.StreamState {
	r.Helper()
	stream, err := r.js.Stream(r.ctx, prefix.Stream(kind))
	r.must(err)
	return stream.CachedInfo().State
}

// calls counts the force-logout calls that the gateway saw for an agent.
func (r *rig) calls(workNo string) int { return len(r.sim.CallsTo(workNo, sim.OpForceLogout)) }

func (r *rig) stateQueries(workNo string) int { return len(r.sim.CallsTo(workNo, sim.OpAgentState)) }

func (r *rig) natsAddr() string {
	r.Helper()
	host, port, err := net.SplitHostPort(strings.TrimPrefix(r.nats.URL(), "nats://"))
	r.must(err)
	return net.JoinHostPort(host, port)
}
