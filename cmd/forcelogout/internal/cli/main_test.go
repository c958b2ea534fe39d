package cli

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// invoke runs a command line in this process.
func invoke(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, err rig.Output
	code = Program{}.Run(ctx, args, console.IO{Out: &out, Err: &err})
	return code, out.String(), err.String()
}

func TestDemo(t *testing.T) {
	t.Parallel()
	code, out, errOut := invoke(rig.Context(t), "demo")
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
	if testing.Short() {
		t.Skip("500 agents: not with -short")
	}
	code, out, errOut := invoke(rig.Context(t), "demo", "--agents", "500")
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
	file := rig.GUIDFile(t)
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
		"report, date":      {[]string{"report", "--on", "25.11.2026"}, "--on"},
		"report, begin":     {[]string{"report", "--day-begins", "4"}, "--day-begins"},
		"report, zone":      {[]string{"report", "--tz", "Mars"}, "Europe/Madrid"},
		"report, width":     {[]string{"report", "--width", "7"}, "--width"},
		"report, vcc":       {[]string{"report", "--vcc", "a.b"}, "--vcc"},
		"report, two forms": {[]string{"report", "--csv", "--html"}, "--json"},
		"letter":            {[]string{"dead", "show", "x"}, "number"},
		"nothing to cancel": {[]string{"cancel"}, "--shift"},
		"cancel two ways":   {[]string{"cancel", "a", "--shift", "b"}, "--shift"},
		"cancel id":         {[]string{"cancel", "a b"}, "id"},
		"credentials file":  {[]string{"setup", "--creds", "/nowhere"}, "--creds"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, errOut := invoke(rig.Context(t), c.args...)
			if code != exit.Usage || !strings.Contains(errOut, c.want) || strings.Count(errOut, "\n") != 1 {
				t.Errorf("exit %d, %q, want exit 2 and one line with %q", code, errOut, c.want)
			}
		})
	}
}

func TestStartupErrors(t *testing.T) {
	t.Parallel()
	url, file := rig.NATS(t), rig.GUIDFile(t)
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
		"no NATS":            {worker("--nats", "nats://user:secret@127.0.0.1:1"), exit.Unreachable, "cannot reach NATS at nats://xxxxx@127.0.0.1:1"},
		"send without NATS":  {[]string{"send", "--nats", "nats://127.0.0.1:1", "30012"}, exit.Unreachable, "--nats"},
		"unknown context":    {[]string{"send", "--context", "nosuchcontext", "30012"}, exit.Unreachable, "nosuchcontext"},
		"no JetStream":       {worker("--nats", withoutJetStream(t)), exit.Failed, "JetStream is not available"},
		"broken guarantee":   {worker("--nats", url, "--prefix", "spoilt"), exit.Failed, "max_msgs_per_subject"},
		"setup says so too":  {[]string{"setup", "--nats", url, "--prefix", "spoilt"}, exit.Failed, "max_msgs_per_subject"},
		"no streams":         {worker("--nats", url, "--prefix", "fresh", "--no-setup"), exit.Failed, "forcelogout setup"},
		"send, no streams":   {[]string{"send", "--nats", url, "--prefix", "fresh2", "30012"}, exit.Failed, "forcelogout setup"},
		"watch, no streams":  {[]string{"watch", "--nats", url, "--prefix", "fresh2"}, exit.Failed, "forcelogout setup"},
		"port taken":         {worker("--nats", url, "--listen", taken.Addr().String()), exit.Failed, "--listen"},
		"gateway port taken": {[]string{"gateway", "--listen", taken.Addr().String()}, exit.Failed, "--listen"},
		"call timeout":       {worker("--nats", url, "--call-timeout", "20s"), exit.Failed, "ack_wait"},
		"retcode class":      {worker("--nats", url, "--retcodes", "900-002=never"), exit.Usage, "never"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, errOut := invoke(rig.Context(t), c.args...)
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
	js := rig.JetStream(t, url)
	_, err := js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "SPOILT_RESULTS", Subjects: []string{"spoilt.results.*.*.*"}})
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
	code, out, _ := invoke(rig.Context(t), "version")
	if code != 0 || !strings.Contains(out, "go1.") || !strings.Contains(out, server.VERSION) || !strings.Contains(out, nats.Version) {
		t.Errorf("exit %d, %s", code, out)
	}
}

func TestSetupTwice(t *testing.T) {
	t.Parallel()
	url := rig.NATS(t)
	for _, want := range []string{"created stream FORCELOGOUT_COMMANDS", "everything is there already"} {
		if code, out, errOut := invoke(rig.Context(t), "setup", "--nats", url); code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, %s%s, want %q", code, out, errOut, want)
		}
	}
}
