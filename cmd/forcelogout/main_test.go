package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// asProgram makes the test binary behave as forcelogout itself, so that tests can
// start it, signal it and kill it as a process.
const asProgram = "TEST_AS_FORCELOGOUT"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	// A proxy that was cut leaves what it held back.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
}

const testGUID = "11111111-2222-4333-8444-555555555555.AgentGateway1"

// invoke runs a command line in this process.
func invoke(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, err output
	code = run(ctx, args, streamsIO{&out, &err})
	return code, out.String(), err.String()
}

// output is a buffer that a running command and its test may use at once.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// awaitText waits until a command has written something.
func (o *output) awaitText(t *testing.T, ctx context.Context, text string) string {
	t.Helper()
	for !strings.Contains(o.String(), text) {
		select {
		case <-ctx.Done():
			t.Fatalf("%q was not written, but: %s", text, o.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return o.String()
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func startNATS(t *testing.T) string {
	t.Helper()
	ns, err := embedded.Start(t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ns.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return ns.URL()
}

func startGateway(t *testing.T) (*sim.Gateway, string) {
	t.Helper()
	g := sim.New(sim.Config{})
	g.GiveSession("1001", testGUID)
	s, err := sim.Listen(g, "127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return g, s.URL
}

func guidFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "guid")
	if err := os.WriteFile(name, []byte(testGUID), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDemo(t *testing.T) {
	t.Parallel()
	code, out, errOut := invoke(testContext(t), "demo")
	if code != 0 || errOut != "" {
		t.Fatalf("exit %d, %s%s", code, out, errOut)
	}
	for _, want := range []string{"signed_out        20", "already_signed_out         1", "failed         1", "expired         1", "rejected         1", "all        24", "did you mean expiresAt?"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

func TestDemoScales(t *testing.T) {
	t.Parallel()
	code, out, errOut := invoke(testContext(t), "demo", "--agents", "500")
	if code != 0 || !strings.Contains(out, "all       500") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file := guidFile(t)
	cases := map[string]struct {
		args []string
		want string // part of the one line that says what to change
	}{
		"unknown command":   {[]string{"fly"}, "fly"},
		"unknown flag":      {[]string{"send", "--nope", "30012"}, "--nope"},
		"no agent":          {[]string{"send"}, "workNo"},
		"agent":             {[]string{"send", "7"}, `got "7"`},
		"vcc":               {[]string{"send", "--vcc", "a.b", "30012"}, "--vcc"},
		"expires in":        {[]string{"send", "--expires-in=-1m", "30012"}, "--expires-in"},
		"prefix":            {[]string{"send", "--prefix", "$JS", "30012"}, "--prefix"},
		"outcome":           {[]string{"watch", "--outcome", "gone"}, "signed_out"},
		"demo size":         {[]string{"demo", "--agents", "3"}, "6-10000"},
		"log level":         {[]string{"setup", "--log-level", "loud"}, "--log-level"},
		"no session":        {[]string{"worker", "--gateway", "http://127.0.0.1:1", "--inspector", "1001"}, "--guid-file"},
		"no gateway":        {[]string{"worker", "--inspector", "1001"}, "--gateway"},
		"gateway URL":       {[]string{"worker", "--gateway", "gw:8043", "--inspector", "1001", "--guid-file", file}, "https://"},
		"gateway password":  {[]string{"worker", "--gateway", "http://u:S3%cret@gw:1", "--inspector", "1001", "--guid-file", file}, "not shown"},
		"inspector":         {[]string{"worker", "--gateway", "http://127.0.0.1:1", "--inspector", "0", "--guid-file", file}, "--inspector"},
		"no GUID file":      {[]string{"worker", "--gateway", "http://127.0.0.1:1", "--inspector", "1001", "--guid-file", "/nowhere"}, "/nowhere"},
		"empty GUID file":   {[]string{"worker", "--gateway", "http://127.0.0.1:1", "--inspector", "1001", "--guid-file", empty}, "empty"},
		"concurrency":       {[]string{"worker", "--gateway", "http://127.0.0.1:1", "--inspector", "1001", "--guid-file", file, "--concurrency", "0"}, "--concurrency"},
		"missing CA":        {[]string{"worker", "--gateway", "http://127.0.0.1:1", "--inspector", "1001", "--guid-file", file, "--gateway-ca", "/nowhere"}, "CA"},
		"half a key pair":   {[]string{"worker", "--gateway", "http://127.0.0.1:1", "--inspector", "1001", "--guid-file", file, "--gateway-cert", file}, "key"},
		"fail rate":         {[]string{"gateway", "--fail-rate", "7"}, "--fail-rate"},
		"time":              {[]string{"send", "--at", "25:00", "30012"}, "+90m"},
		"passed":            {[]string{"send", "--at", "2020-01-01T00:00:00Z", "30012"}, "has passed"},
		"no time":           {[]string{"send", "--at", "", "30012"}, "--at is empty"},
		"time zone":         {[]string{"send", "--tz", "Mars", "30012"}, "Europe/Madrid"},
		"two times":         {[]string{"send", "--at", "+5m", "--not-before", "+5m", "30012"}, "--not-before"},
		"no file":           {[]string{"send", "--file", "/nowhere"}, "/nowhere"},
		"file and agents":   {[]string{"send", "--file", file, "30012"}, "--file"},
		"report, no wait":   {[]string{"send", "--report", "out.csv", "30012"}, "--wait"},
		"one id for two":    {[]string{"send", "--id", "a", "30012", "30013"}, "--id"},
		"letter":            {[]string{"dead", "show", "x"}, "number"},
		"nothing to cancel": {[]string{"cancel"}, "--shift"},
		"cancel two ways":   {[]string{"cancel", "a", "--shift", "b"}, "--shift"},
		"cancel id":         {[]string{"cancel", "a b"}, "id"},
		"credentials file":  {[]string{"setup", "--creds", "/nowhere"}, "--creds"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, errOut := invoke(testContext(t), c.args...)
			if code != exitUsage || !strings.Contains(errOut, c.want) || strings.Count(errOut, "\n") != 1 {
				t.Errorf("exit %d, %q, want exit 2 and one line with %q", code, errOut, c.want)
			}
		})
	}
}

func TestStartupErrors(t *testing.T) {
	t.Parallel()
	url, file := startNATS(t), guidFile(t)
	worker := func(more ...string) []string {
		return append([]string{"worker", "--gateway", "http://127.0.0.1:1", "--inspector", "1001", "--guid-file", file, "--log-level", "error"}, more...)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	spoil(t, url)
	cases := map[string]struct {
		args []string
		code int
		want string
	}{
		"no NATS":            {worker("--nats", "nats://user:secret@127.0.0.1:1"), exitUnreachable, "cannot reach NATS at nats://xxxxx@127.0.0.1:1"},
		"send without NATS":  {[]string{"send", "--nats", "nats://127.0.0.1:1", "30012"}, exitUnreachable, "--nats"},
		"unknown context":    {[]string{"send", "--context", "nosuchcontext", "30012"}, exitUnreachable, "nosuchcontext"},
		"no JetStream":       {worker("--nats", withoutJetStream(t)), exitFailed, "JetStream is not available"},
		"broken guarantee":   {worker("--nats", url, "--prefix", "spoilt"), exitFailed, "max_msgs_per_subject"},
		"setup says so too":  {[]string{"setup", "--nats", url, "--prefix", "spoilt"}, exitFailed, "max_msgs_per_subject"},
		"no streams":         {worker("--nats", url, "--prefix", "fresh", "--no-setup"), exitFailed, "forcelogout setup"},
		"send, no streams":   {[]string{"send", "--nats", url, "--prefix", "fresh2", "30012"}, exitFailed, "forcelogout setup"},
		"watch, no streams":  {[]string{"watch", "--nats", url, "--prefix", "fresh2"}, exitFailed, "forcelogout setup"},
		"port taken":         {worker("--nats", url, "--listen", taken.Addr().String()), exitFailed, "--listen"},
		"gateway port taken": {[]string{"gateway", "--listen", taken.Addr().String()}, exitFailed, "--listen"},
		"call timeout":       {worker("--nats", url, "--call-timeout", "20s"), exitFailed, "ack_wait"},
		"retcode class":      {worker("--nats", url, "--retcodes", "900-002=never"), exitUsage, "never"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, errOut := invoke(testContext(t), c.args...)
			if strings.Contains(errOut, "secret") {
				t.Errorf("a password is shown: %q", errOut)
			}
			if code != c.code || !strings.Contains(errOut, c.want) || strings.Count(errOut, "\n") != 1 {
				t.Errorf("exit %d, %q, want exit %d and one line with %q", code, errOut, c.code, c.want)
			}
		})
	}
}

// spoil makes a results stream that would take two results for a command.
func spoil(t *testing.T, url string) {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	_, err = js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "SPOILT_RESULTS", Subjects: []string{"spoilt.results.*.*.*"}})
	if err != nil {
		t.Fatal(err)
	}
}

func withoutJetStream(t *testing.T) string {
	t.Helper()
	ns, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server did not start")
	}
	return ns.ClientURL()
}

func TestVersion(t *testing.T) {
	t.Parallel()
	code, out, _ := invoke(testContext(t), "version")
	if code != 0 || !strings.Contains(out, "go1.") || !strings.Contains(out, server.VERSION) || !strings.Contains(out, nats.Version) {
		t.Errorf("exit %d, %s", code, out)
	}
}

func TestSetupTwice(t *testing.T) {
	t.Parallel()
	url := startNATS(t)
	for _, want := range []string{"created stream FORCELOGOUT_COMMANDS", "everything is there already"} {
		if code, out, errOut := invoke(testContext(t), "setup", "--nats", url); code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, %s%s, want %q", code, out, errOut, want)
		}
	}
}
