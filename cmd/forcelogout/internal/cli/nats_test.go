package cli

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/worker/embedded"
)

// embeddedStart bounds how long a server may need to start.
const embeddedStart = 10 * time.Second

// secureNATS is a server with JetStream in a domain of its own, and two users.
func secureNATS(t *testing.T) string {
	t.Helper()
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(), JetStreamDomain: "hub",
		Users: []*server.User{{Username: "good", Password: "p@ss"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(embeddedStart) {
		t.Fatal("nats-server did not start")
	}
	return ns.ClientURL()
}

// TestNATSConnection: user, password, domain and inbox come from flags, the environment
// and contexts, in that order.
func TestNATSConnection(t *testing.T) {
	server := secureNATS(t)
	contexts := filepath.Join(t.TempDir(), "nats", "context")
	if err := os.MkdirAll(contexts, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"good":  `{"url":"` + server + `","user":"good","password":"p@ss","jetstream_domain":"hub","inbox_prefix":"_INBOX.mine"}`,
		"wrong": `{"url":"` + server + `","user":"good","password":"secret-wrong"}`,
		"dead":  `{"url":"nats://127.0.0.1:1","user":"good","password":"p@ss"}`,
		"api":   `{"url":"` + server + `","user":"good","password":"p@ss","jetstream_api_prefix":"$JS.hub.API"}`,
	} {
		if err := os.WriteFile(filepath.Join(contexts, name+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("XDG_CONFIG_HOME", filepath.Dir(filepath.Dir(contexts)))
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("p@ss\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	withUser := strings.Replace(server, "nats://", "nats://good:p%40ss@", 1)
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
		code int
		want string
	}{
		"URL":                        {nil, []string{"--nats", withUser}, exit.OK, ""},
		"domain":                     {nil, []string{"--nats", withUser, "--js-domain", "hub"}, exit.OK, ""},
		"API prefix":                 {nil, []string{"--nats", withUser, "--js-api-prefix", "$JS.hub.API"}, exit.OK, ""},
		"no such domain":             {nil, []string{"--nats", withUser, "--js-domain", "spoke"}, exit.Failed, "JetStream"},
		"password file":              {nil, []string{"--nats", server, "--nats-user", "good", "--nats-password-file", secret}, exit.OK, ""},
		"environment":                {map[string]string{"NATS_URL": server, "NATS_USER": "good", "NATS_PASSWORD": "p@ss"}, nil, exit.OK, ""},
		"wrong password":             {map[string]string{"NATS_URL": server, "NATS_USER": "good", "NATS_PASSWORD": "secret-wrong"}, nil, exit.Unreachable, "refuses this user"},
		"context":                    {nil, []string{"--context", "good"}, exit.OK, ""},
		"context's prefix":           {nil, []string{"--context", "api"}, exit.OK, ""},
		"context's wrong password":   {nil, []string{"--context", "wrong"}, exit.Unreachable, "context wrong: it refuses this user"},
		"context of the environment": {map[string]string{"NATS_CONTEXT": "good"}, nil, exit.OK, ""},
		"flag before that":           {map[string]string{"NATS_CONTEXT": "wrong"}, []string{"--nats", withUser}, exit.OK, ""},
		"environment before that":    {map[string]string{"NATS_CONTEXT": "dead", "NATS_URL": server}, nil, exit.OK, ""},
		"context before environment": {map[string]string{"NATS_URL": "nats://127.0.0.1:1", "NATS_USER": "nobody", "NATS_PASSWORD": "x"}, []string{"--context", "good"}, exit.OK, ""},
		"user before context":        {map[string]string{"NATS_PASSWORD": "p@ss"}, []string{"--context", "wrong", "--nats-user", "good", "--nats-password-file", secret}, exit.OK, ""},
		"both":                       {nil, []string{"--context", "good", "--nats", server}, exit.Usage, "--nats and --context"},
		"two who":                    {nil, []string{"--nats", server, "--nats-user", "good", "--creds", secret}, exit.Usage, "give one of them"},
		"two APIs":                   {nil, []string{"--nats", server, "--js-domain", "hub", "--js-api-prefix", "x"}, exit.Usage, "give one of them"},
		"malformed":                  {nil, []string{"--nats", "nats://good:secret%ss@127.0.0.1:4222"}, exit.Usage, "begins no escape"},
		"malformed port":             {nil, []string{"--nats", "nats://good:secret/x@127.0.0.1:4222"}, exit.Usage, "URL 1 of the list"},
		"no host":                    {nil, []string{"--nats", "nats://127.0.0.1:4222,nats://:4222"}, exit.Usage, "URL 2 of the list"},
		"inbox":                      {nil, []string{"--nats", withUser, "--inbox-prefix", "_INBOX.>"}, exit.Usage, "--inbox-prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range c.env {
				t.Setenv(key, value)
			}
			code, out, errOut := invoke(rig.Context(t), append([]string{"setup"}, c.args...)...)
			if code != c.code || !strings.Contains(errOut, c.want) || strings.Contains(out+errOut, "secret") && !strings.Contains(c.want, "secret") {
				t.Errorf("exit %d, %s%s", code, out, errOut)
			}
		})
	}
}

// TestLeafNode: setup and send reach the hub's JetStream through a leaf node that has its
// own.
func TestLeafNode(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	leaves := free.Addr().(*net.TCPAddr)
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	hub, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(), JetStreamDomain: "hub",
		LeafNode: server.LeafNodeOpts{Host: "127.0.0.1", Port: leaves.Port},
	})
	if err != nil {
		t.Fatal(err)
	}
	hub.Start()
	t.Cleanup(func() { hub.Shutdown(); hub.WaitForShutdown() })
	if !hub.ReadyForConnections(embeddedStart) {
		t.Fatal("nats-server did not start")
	}
	remote := &url.URL{Scheme: "nats", Host: leaves.String()}
	leaf, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(), JetStreamDomain: "leaf",
		LeafNode: server.LeafNodeOpts{Remotes: []*server.RemoteLeafOpts{{URLs: []*url.URL{remote}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	leaf.Start()
	t.Cleanup(func() { leaf.Shutdown(); leaf.WaitForShutdown() })
	if !leaf.ReadyForConnections(embeddedStart) {
		t.Fatal("nats-server did not start")
	}
	ctx := rig.Context(t)
	for code := -1; code != exit.OK; { // the leaf node's connection takes a moment
		if ctx.Err() != nil {
			t.Fatal("the hub's JetStream is not reached")
		}
		code, _, _ = invoke(ctx, "setup", "--nats", leaf.ClientURL(), "--js-domain", "hub")
	}
	for name, args := range map[string][]string{"now": nil, "later": {"--at", "+1h"}} {
		if code, out, errOut := invoke(ctx, append([]string{"send", "--nats", leaf.ClientURL(), "--js-domain", "hub", "--id", name, "30001"}, args...)...); code != exit.OK {
			t.Errorf("exit %d, %s%s", code, out, errOut)
		}
	}
	if code, out, errOut := invoke(ctx, "status", "--nats", leaf.ClientURL(), "--js-domain", "hub", "--json"); code != exit.OK || !strings.Contains(out, `"scheduled":1,"waiting":1`) {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	if code, _, errOut := invoke(ctx, "send", "--nats", leaf.ClientURL(), "30002"); code != exit.Failed || !strings.Contains(errOut, "the streams of this installation do not exist") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}

// TestOnlyOwnVariables: what is set for a worker on the same host changes no command.
func TestOnlyOwnVariables(t *testing.T) {
	server, err := embedded.Start(t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(t.Context()) })
	for name, value := range map[string]string{
		"FORCELOGOUT_INSPECTOR": "1001", "FORCELOGOUT_SHIFT": "S-18", "FORCELOGOUT_WORK_NO": "30001", "FORCELOGOUT_REASON": "x", "FORCELOGOUT_ID": "mine",
		"FORCELOGOUT_AT": "+1h", "FORCELOGOUT_FILE": "/nowhere", "FORCELOGOUT_TIMEOUT": "x", "FORCELOGOUT_OUTCOME": "gone", "FORCELOGOUT_JSON": "true",
		"FORCELOGOUT_VCC": "sales", "NATS_URL": server.URL(),
	} {
		t.Setenv(name, value)
	}
	if code, _, errOut := invoke(rig.Context(t), "setup"); code != exit.OK {
		t.Fatal(errOut)
	}
	code, out, errOut := invoke(rig.Context(t), "send", "30012")
	if code != exit.OK || strings.Contains(out, "mine") || strings.HasPrefix(out, "{") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	if code, _, errOut := invoke(rig.Context(t), "cancel"); code != exit.Usage || !strings.Contains(errOut, "give ids") {
		t.Errorf("a bare cancel: exit %d, %s", code, errOut)
	}
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	answer, err := nc.Request("$JS.API.DIRECT.GET.FORCELOGOUT_COMMANDS", []byte(`{"last_by_subj":"forcelogout.commands.sales"}`), embeddedStart)
	if err != nil || strings.Contains(string(answer.Data), "inspector") || strings.Contains(string(answer.Data), "reason") || !strings.Contains(string(answer.Data), "30012") {
		t.Errorf("sent %s, %v", answer.Data, err)
	}
}
