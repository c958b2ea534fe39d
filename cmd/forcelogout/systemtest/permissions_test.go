package systemtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

func allRoles() []string { return []string{"setup", "worker", "publisher", "observer", "operator"} }

// inbox is the inbox prefix of a role.
func inbox(role string) string { return "_INBOX." + role }

// roleServer runs nats-server with deploy/nats/example.conf. It returns the URL of
// each role.
func roleServer(t *testing.T) map[string]string {
	t.Helper()
	if testing.Short() {
		t.Skip("a whole installation: not with -short")
	}
	roles := map[string]string{}
	for _, role := range allRoles() {
		roles[role] = role + "-password"
		t.Setenv(strings.ToUpper(role)+"_PASSWORD", roles[role])
	}
	opts, err := server.ProcessConfigFile(filepath.Join("..", "..", "..", "deploy", "nats", "example.conf"))
	if err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.StoreDir, opts.NoSigs, opts.NoLog = "127.0.0.1", server.RANDOM_PORT, t.TempDir(), true, true
	ns, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server did not start")
	}
	for role, password := range roles {
		u, err := url.Parse(ns.ClientURL())
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(role, password)
		roles[role] = u.String()
	}
	return roles
}

// TestPermissions: the real flow runs under the roles of deploy/nats, without a
// single violation, and each role is denied what it should not do.
func TestPermissions(t *testing.T) {
	roles := roleServer(t)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	in := &installation{T: t, ctx: ctx, sim: sim.New(sim.Config{}), files: t.TempDir()}
	in.sim.SetAccount("1001", sim.Account{Password: rig.Password})
	gateway, err := sim.Listen(in.sim, "127.0.0.1:0", false)
	in.must(err)
	t.Cleanup(func() { _ = gateway.Close() })
	in.gateway = gateway.URL
	in.write("password", rig.Password)

	run := func(role string, args ...string) string {
		t.Helper()
		code, out, errOut := invoke(ctx, append(args, "--nats", roles[role], "--inbox-prefix", inbox(role))...)
		if code != exit.OK {
			t.Fatalf("%s, %v: exit %d, %s%s", role, args, code, out, errOut)
		}
		return out
	}
	run("setup", "setup")
	a := in.keeper("a", roles["worker"], "--no-setup", "--inbox-prefix", inbox("worker"), "--max-per-minute", "600")
	b := in.keeper("b", roles["worker"], "--no-setup", "--inbox-prefix", inbox("worker"), "--max-per-minute", "600")
	watching, stop := context.WithCancel(ctx)
	var watched rig.Output
	ended := make(chan int, 1)
	go func() {
		ended <- runWatch(watching, roles["observer"], &watched)
	}()
	run("publisher", "send", "--wait", "30001")
	run("publisher", "send", "--wait", "--id", "later-done", "30002")
	in.sim.Restart()
	run("publisher", "send", "--wait", "30003")
	run("publisher", "send", "--at", "+1h", "--id", "later", "30004")
	if out := run("publisher", "cancel", "later"); !strings.Contains(out, "cancelled") {
		t.Error(out)
	}
	plan(t, in, run)
	in.sim.Plan("30005", sim.Answer{HTTPStatus: 503, Header: map[string][]string{"Retry-After": {"3"}}})
	run("publisher", "send", "--wait", "30005")
	watched.AwaitText(t, ctx, `"workNo":"30005"`)
	if out := run("observer", "report", "--csv", "--on", "yesterday") + run("observer", "report", "--csv"); strings.Count(out, "signed_out") < 4 {
		t.Errorf("the report: %s", out)
	}
	var status client.Status
	for _, role := range []string{"observer", "publisher", "operator"} {
		in.must(json.Unmarshal([]byte(run(role, "status", "--json")), &status))
		if status.Done != 7 || len(status.Workers) != 2 {
			t.Errorf("%s: status %+v", role, status)
		}
	}
	run("publisher", "send", "--wait", "--stay-out", "10s", "30006")
	run("observer", "result", "later-done", "--vcc", "default")
	operate(t, in, roles, run)
	stop()
	<-ended
	in.must(a.Process.Signal(os.Interrupt))
	in.must(a.Wait())
	for name, log := range map[string]string{"a": a.log.String(), "b": b.log.String(), "watch": watched.String()} {
		if strings.Contains(strings.ToLower(log), "permissions violation") {
			t.Errorf("%s met a violation: %s", name, log)
		}
	}
	checkDenied(t, roles)
}

// plan is what a planner does, and who looks on.
func plan(t *testing.T, in *installation, run func(string, ...string) string) {
	t.Helper()
	for name, rows := range map[string]string{"first": "30031,2126-11-25T18:00:00Z\n30032,2126-11-25T18:00:00Z\n", "second": "30031,2126-11-25T20:00:00Z\n"} {
		in.must(os.WriteFile(filepath.Join(in.files, name+".csv"), []byte("workNo,at\n"+rows), 0o600))
	}
	file := func(name string) string { return filepath.Join(in.files, name+".csv") }
	run("publisher", "send", "--file", file("first"), "--replace", "dates")
	if out := run("publisher", "send", "--file", file("second"), "--replace", "dates"); !strings.Contains(out, "1 moved, 1 withdrawn") {
		t.Error(out)
	}
	run("publisher", "extend", "--work-no", "30031", "--until", "+1h")
	for _, role := range []string{"publisher", "observer"} {
		if out := run(role, "list", "--tz", "UTC"); !strings.Contains(out, "2126-11-25 21:00:00  30031") {
			t.Errorf("%s: %s", role, out)
		}
	}
	if out := run("publisher", "cancel", "--work-no", "30031", "--on", "2126-11-25", "--tz", "UTC"); !strings.Contains(out, "cancelled") {
		t.Error(out)
	}
}

// operate is what an operator does.
func operate(t *testing.T, in *installation, roles map[string]string, run func(string, ...string) string) {
	t.Helper()
	nc, err := nats.Connect(roles["publisher"], nats.CustomInboxPrefix(inbox("publisher")))
	in.must(err)
	defer nc.Close()
	for i, typo := range []string{"a", "b", "c"} {
		in.must(nc.Publish("forcelogout.commands.default", fmt.Appendf(nil, `{"id":"typo-%s","workNo":"3001%d","expires":1}`, typo, i)))
	}
	for !strings.Contains(run("operator", "dead", "ls"), "30012") {
		in.tick()
	}
	run("operator", "dead", "show", "1")
	run("operator", "dead", "rm", "2-3")
	run("operator", "setup", "--check")
	if code, _, errOut := invoke(in.ctx, "dead", "replay", "1", "--nats", roles["operator"], "--inbox-prefix", inbox("operator")); code != exit.Failed || !strings.Contains(errOut, "unknown field") {
		t.Errorf("replay: exit %d, %s", code, errOut)
	}
	brake, err := nats.Connect(roles["operator"], nats.CustomInboxPrefix(inbox("operator")))
	in.must(err)
	defer brake.Close()
	js, err := jetstream.New(brake)
	in.must(err)
	_, err = js.PauseConsumer(in.ctx, "FORCELOGOUT_COMMANDS", "forcelogout-default", time.Now().Add(time.Hour))
	in.must(err)
	if out := run("operator", "status"); !strings.Contains(out, "paused") {
		t.Errorf("status does not show the brake: %s", out)
	}
	_, err = js.ResumeConsumer(in.ctx, "FORCELOGOUT_COMMANDS", "forcelogout-default")
	in.must(err)
	told(t, in.ctx, roles)
	// Who forgets the inbox prefix is told so, soon.
	begin := time.Now()
	code, _, errOut := invoke(in.ctx, "send", "--nats", roles["publisher"], "30001")
	if code != exit.Failed || !strings.Contains(errOut, `no permission to subscribe to "_INBOX.`) || !strings.Contains(errOut, "--inbox-prefix") || time.Since(begin) > 20*time.Second {
		t.Errorf("without the inbox prefix: exit %d after %v, %s", code, time.Since(begin), errOut)
	}
}

// told checks that who may not do something is told what, and once.
func told(t *testing.T, ctx context.Context, roles map[string]string) {
	t.Helper()
	for _, c := range []struct {
		role, inbox string
		args        []string
		subject     string
	}{
		{"publisher", inbox("publisher"), []string{"setup", "--check"}, "$JS.API.STREAM.INFO.FORCELOGOUT_DEAD"},
		{"observer", inbox("observer"), []string{"setup"}, "$JS.API.STREAM.INFO.FORCELOGOUT_DEAD"},
		{"observer", inbox("observer"), []string{"dead", "show", "7"}, "$JS.API.DIRECT.GET.FORCELOGOUT_DEAD"},
		{"observer", inbox("observer"), []string{"dead", "replay", "7"}, "$JS.API.DIRECT.GET.FORCELOGOUT_DEAD"},
		{"publisher", "_INBOX", []string{"send", "30001"}, "_INBOX."},
	} {
		code, _, errOut := invoke(ctx, append(c.args, "--nats", roles[c.role], "--inbox-prefix", c.inbox)...)
		_, last, _ := strings.Cut(errOut, "forcelogout: ")
		if code != exit.Failed || strings.Count(last, c.subject) != 1 || strings.Count(last, " (") > 2 || strings.Count(last, "dead letter") > 1 {
			t.Errorf("%s %v: exit %d, %s", c.role, c.args, code, errOut)
		}
	}
}

func runWatch(ctx context.Context, url string, out *rig.Output) int {
	return run(ctx, []string{"watch", "--nats", url, "--inbox-prefix", inbox("observer"), "--json", "--since", "1h"}, console.IO{Out: out, Err: out})
}

// checkDenied tries what each role should not do.
func checkDenied(t *testing.T, roles map[string]string) {
	t.Helper()
	denied := map[string][]string{
		"worker":    {"$JS.API.STREAM.DELETE.FORCELOGOUT_RESULTS", "$JS.API.STREAM.PURGE.FORCELOGOUT_COMMANDS", "$JS.API.STREAM.MSG.DELETE.FORCELOGOUT_RESULTS", "orders.new"},
		"publisher": {"forcelogout.results.default.30001.x", "$KV.FORCELOGOUT_SESSIONS.default.1001", "$JS.API.DIRECT.GET.KV_FORCELOGOUT_SESSIONS.$KV.FORCELOGOUT_SESSIONS.default.1001", "$JS.API.STREAM.MSG.DELETE.FORCELOGOUT_COMMANDS", "$JS.API.CONSUMER.MSG.NEXT.FORCELOGOUT_COMMANDS.forcelogout-default", "$JS.ACK.FORCELOGOUT_COMMANDS.forcelogout-default.1.1.1.1.0", "forcelogout.dead.default"},
		"observer":  {"forcelogout.commands.default", "forcelogout.schedule.default.x", "forcelogout.parked.default.x", "forcelogout.cancel.default", "forcelogout.results.default.30001.x", "$JS.API.DIRECT.GET.KV_FORCELOGOUT_SESSIONS.$KV.FORCELOGOUT_SESSIONS.default.1001", "$KV.FORCELOGOUT_SESSIONS.default.1001"},
		"operator":  {"forcelogout.results.default.30001.x", "forcelogout.schedule.default.x", "forcelogout.parked.default.x", "$KV.FORCELOGOUT_SESSIONS.default.1001", "$JS.API.DIRECT.GET.KV_FORCELOGOUT_SESSIONS.$KV.FORCELOGOUT_SESSIONS.default.1001", "$JS.API.STREAM.MSG.GET.KV_FORCELOGOUT_SESSIONS", "$JS.API.CONSUMER.CREATE.KV_FORCELOGOUT_SESSIONS.x", "$JS.API.STREAM.DELETE.FORCELOGOUT_RESULTS", "$JS.API.STREAM.UPDATE.FORCELOGOUT_RESULTS"},
		"setup":     {"forcelogout.commands.default", "$JS.API.STREAM.DELETE.FORCELOGOUT_COMMANDS", "$JS.API.DIRECT.GET.KV_FORCELOGOUT_SESSIONS.x"},
	}
	for role, subjects := range denied {
		violations := make(chan error, 100)
		nc, err := nats.Connect(roles[role], nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { violations <- err }))
		if err != nil {
			t.Fatal(err)
		}
		for _, subject := range subjects {
			if err := nc.Publish(subject, nil); err != nil {
				t.Fatal(err)
			}
		}
		listening := []string{"$KV.>", "forcelogout.commands.>", "forcelogout.results.>", "_INBOX.>", "_INBOX.*.>", ">"}
		for _, other := range allRoles() {
			if other != role {
				listening = append(listening, inbox(other)+".>", inbox(other)+".*")
			}
		}
		for _, subject := range listening {
			if _, err := nc.SubscribeSync(subject); err != nil {
				t.Fatal(err)
			}
			subjects = append(subjects, subject)
		}
		for range subjects {
			select {
			case err := <-violations:
				i := slices.IndexFunc(subjects, func(s string) bool { return strings.Contains(err.Error(), `"`+s+`"`) })
				if i < 0 {
					t.Errorf("%s: %v", role, err)
					continue
				}
				subjects = slices.Delete(subjects, i, i+1)
			case <-time.After(5 * time.Second):
				t.Fatalf("%s is allowed %v", role, subjects)
			}
		}
		nc.Close()
	}
}
