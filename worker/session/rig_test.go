package session

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/streams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	inspectorNo = "1001"
	password    = "S3cret-of-1001"
	otherGUID   = "99999999-2222-4333-8444-555555555555.AgentGateway9"
)

// rig is a real NATS server and a simulated gateway over HTTP, with an account and
// nobody signed in.
type rig struct {
	*testing.T
	ctx context.Context
	url string
	kv  jetstream.KeyValue
	js  jetstream.JetStream
	sim *sim.Gateway
	gw  string
	mu  sync.Mutex
	log strings.Builder
}

func newRig(t *testing.T, cfg sim.Config) *rig {
	t.Helper()
	if testing.Short() {
		t.Skip("a whole installation: not with -short")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second) // it only ends a test that would hang
	t.Cleanup(cancel)
	server, err := embedded.Start(t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	r := &rig{T: t, ctx: ctx, url: server.URL(), sim: sim.New(cfg)}
	r.js, err = jetstream.New(r.connect())
	r.must(err)
	_, err = streams.Setup(ctx, r.js, streams.Plan{Prefix: messages.DefaultPrefix})
	r.must(err)
	r.kv, err = r.js.KeyValue(ctx, streams.NamesOf(messages.DefaultPrefix).Sessions)
	r.must(err)
	gw, err := sim.Listen(r.sim, "127.0.0.1:0", false)
	r.must(err)
	r.gw = gw.URL
	r.sim.SetAccount(inspectorNo, sim.Account{Password: password})
	t.Cleanup(func() {
		_ = gw.Close()
		for _, breach := range r.sim.Breaches() {
			t.Error(breach)
		}
	})
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) connect() *nats.Conn {
	r.Helper()
	nc, err := nats.Connect(r.url)
	r.must(err)
	r.Cleanup(nc.Close)
	return nc
}

// Write keeps the log, and guards its promise.
func (r *rig) Write(p []byte) (int, error) {
	if strings.Contains(string(p), ".AgentGateway") || strings.Contains(string(p), password) {
		r.Errorf("a log line holds a secret: %s", p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log.Write(p)
	if testing.Verbose() {
		r.Logf("%s", strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// logged counts the log lines with a text.
func (r *rig) logged(text string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.log.String(), text)
}

// running is a worker's pool at work.
type running struct {
	*Pool
	stop func() // and waits for the end
}

// start runs a pool that signs the inspector in, with a short lease.
func (r *rig) start(name string, change ...func(*Config, *Account)) running {
	r.Helper()
	gw, err := gateway.NewClient(gateway.Options{URL: r.gw})
	r.must(err)
	r.Cleanup(gw.Close)
	cfg := Config{
		Prefix: messages.DefaultPrefix, VCC: "v", Instance: name, NATS: r.connect(), Gateway: gw, Concurrency: 8,
		Lease: time.Second, Log: slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	account := Account{Inspector: inspectorNo, Password: password}
	for _, change := range change {
		change(&cfg, &account)
	}
	p, err := NewPool(r.ctx, cfg, []Account{account})
	r.must(err)
	ctx, cancel := context.WithCancel(r.ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); p.Run(ctx) }()
	stop := sync.OnceFunc(func() { cancel(); <-ended })
	r.Cleanup(stop)
	return running{p, stop}
}

// until waits for something to become true.
func (r *rig) until(what string, is func() bool) {
	r.Helper()
	for !is() {
		if r.ctx.Err() != nil {
			r.Fatalf("in vain: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (r *rig) ready(pools ...running) {
	r.Helper()
	for _, p := range pools {
		r.until("a usable session", func() bool { usable, _ := p.Ready(); return usable })
	}
}

// says waits until a pool says what is wrong.
func (r *rig) says(p running, words string) {
	r.Helper()
	var last error
	defer func() {
		if r.Failed() {
			r.Logf("it says %v", last)
		}
	}()
	r.until("ready says "+words, func() bool {
		_, last = p.Ready()
		return last != nil && strings.Contains(last.Error(), words)
	})
}

// count is how many ended calls of the operations there were with a retcode, "" for any.
func (r *rig) count(retcode string, ops ...string) (n int) {
	for _, call := range r.sim.Calls() {
		for _, op := range ops {
			if call.Op == op && (retcode == "" || call.Retcode == retcode) {
				n++
			}
		}
	}
	return n
}

func (r *rig) signIns(retcode string) int {
	return r.count(retcode, sim.OpSignIn, sim.OpForceSignIn, sim.OpPlatformSignIn, sim.OpForcePlatformSignIn)
}

const recordKey = "v." + inspectorNo

func (r *rig) record() record {
	r.Helper()
	entry, err := r.kv.Get(r.ctx, recordKey)
	r.must(err)
	found, err := parseRecord(entry.Value())
	r.must(err)
	return found
}

// write replaces the record as somebody else would.
func (r *rig) write(text string) {
	r.Helper()
	_, err := r.kv.PutString(r.ctx, recordKey, text)
	r.must(err)
}

// call makes one forced sign-out as the worker does, and returns its retcode.
func (r *rig) call(p running, workNo string) string {
	r.Helper()
	use, err := p.Take(Stop{}, Wish{WorkNo: workNo})
	if err != nil {
		return err.Error()
	}
	answer, err := p.cfg.Gateway.ForceLogout(r.ctx, use.Session, workNo)
	r.must(err)
	defer use.Done(Report{Heard: answer.Retcode == "0", Accepted: answer.Retcode == "0", WorkNo: workNo, GUID: answer.GUID})
	if v := p.judge(answer, nil); v == refused {
		use.Refused()
	}
	return answer.Retcode
}

// passwordFile makes a worker read its password from a file.
func (r *rig) passwordFile(text string) (file string, change func(*Config, *Account)) {
	r.Helper()
	file = filepath.Join(r.TempDir(), "password")
	r.must(os.WriteFile(file, []byte(text), 0o600))
	return file, func(_ *Config, a *Account) { a.Password, a.PasswordFile = "", file }
}

// swift is a clock on which days pass in seconds.
type swift struct {
	begin time.Time
	speed time.Duration
}

func newSwift(speed time.Duration) swift { return swift{time.Now(), speed} }

func (c swift) Now() time.Time { return c.begin.Add(time.Since(c.begin) * c.speed) }

func (c swift) use(cfg *Config, _ *Account) {
	cfg.Now = c.Now
	cfg.Wait = func(ctx context.Context, d time.Duration) error { return wait(ctx, d/c.speed) }
}

// pass waits until so much of its time has passed since the begin.
func (c swift) pass(r *rig, d time.Duration) {
	r.Helper()
	r.must(wait(r.ctx, time.Until(c.begin.Add(d/c.speed))))
}
