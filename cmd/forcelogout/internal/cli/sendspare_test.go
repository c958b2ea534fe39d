package cli

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
)

// write makes a file with a text.
func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestExcept: nothing is sent for the agents of --except, and that is said.
func TestExcept(t *testing.T) {
	t.Parallel()
	ctx, url := rig.Context(t), rig.NATS(t)
	if code, _, errOut := invoke(ctx, "setup", "--nats", url); code != exit.OK {
		t.Fatal(errOut)
	}
	except := write(t, "except.txt", "30002 # night desk\n30003\n")
	shiftEnd := write(t, "shift.csv", "workNo,at\n30001,+5h\n30002,+5h\n30003,+5h\n30004,+5h\n")
	code, out, errOut := invoke(ctx, "send", "--nats", url, "--file", shiftEnd, "--except", except)
	if code != exit.OK || !strings.Contains(out, "2 commands sent") || !strings.Contains(errOut, "2 commands left out (30002, 30003)") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	code, out, errOut = invoke(ctx, "send", "--nats", url, "30002", "30005", "--except", except)
	if code != exit.OK || strings.Contains(out, "30002") || !strings.Contains(out, "30005") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nobody left": {[]string{"30002", "--except", except}, "no command is left"},
		"no file":     {[]string{"30002", "--except", "/nowhere"}, "--except: open /nowhere"},
		"no number":   {[]string{"30002", "--except", shiftEnd}, "line 1"},
		"empty":       {[]string{"30002", "--except", write(t, "empty", "")}, "no agent's number"},
	} {
		if code, out, errOut := invoke(ctx, append([]string{"send", "--nats", url}, c.args...)...); code != exit.Usage || !strings.Contains(errOut, c.want) {
			t.Errorf("%s: exit %d, %s%s", name, code, out, errOut)
		}
	}
	code, out, errOut = invoke(ctx, "status", "--nats", url, "--json")
	if code != exit.OK || !strings.Contains(out, `"waiting":1`) || !strings.Contains(out, `"scheduled":2`) {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
}

// TestProtectSettings: the agents of a flag, of the file and of an entry of vccs are
// protected together, and a list that cannot be read ends the start.
func TestProtectSettings(t *testing.T) {
	t.Parallel()
	guid := rig.GUIDFile(t)
	first, second := write(t, "first", "30001\n"), write(t, "second", "30002\n")
	text := "gateway: http://127.0.0.1:1\nguid-file: " + guid + "\nprotect: [30010, 30011]\nprotect-file: " + first +
		"\nvccs:\n  - vcc: a\n    inspector: 1001\n    protect: [30020]\n    protect-file: [" + second + "]\n  - vcc: b\n    inspector: 1002\n"
	code, out, errOut := invoke(rig.Context(t), "worker", "--config", write(t, "f.yaml", text), "--check-config", "--protect", "30012")
	for _, want := range []string{"30010 30011 30012 30020", "those in " + first, "those in " + second} {
		if code != exit.OK || !strings.Contains(out, want) {
			t.Errorf("exit %d, no %q in %s%s", code, want, out, errOut)
		}
	}
	for name, args := range map[string][]string{
		"no number": {"--protect", "all"},
		"no file":   {"--protect-file", "/nowhere"},
		"bad file":  {"--protect-file", write(t, "bad", "Ms Li")},
		"nobody":    {"--protect-file", write(t, "nobody", "")},
	} {
		args = append([]string{"worker", "--check-config", "--gateway", "http://127.0.0.1:1", "--inspector", "1001", "--guid-file", guid}, args...)
		if code, out, errOut := invoke(rig.Context(t), args...); code != exit.Usage || !strings.Contains(errOut, "protect") {
			t.Errorf("%s: exit %d, %s%s", name, code, out, errOut)
		}
	}
}

// TestSendConditions: the conditions of flags are in what is sent, and a flag that makes no
// sense is refused.
func TestSendConditions(t *testing.T) {
	t.Parallel()
	ctx, url := rig.Context(t), rig.NATS(t)
	if code, _, errOut := invoke(ctx, "setup", "--nats", url); code != exit.OK {
		t.Fatal(errOut)
	}
	code, out, errOut := invoke(ctx, "send", "--nats", url, "30001", "--id", "a", "--not-before", "2126-01-01T18:00:00Z", "--tz", "UTC",
		"--when-idle", "--wrap-up", "90s", "--signed-in-before", "14:00", "--stay-out", "2m")
	if code != exit.OK {
		t.Fatalf("exit %d, %s%s", code, out, errOut)
	}
	sent := lastCommand(ctx, t, url)
	for _, want := range []string{
		`"whenIdle":true`, `"graceUntil":"2126-01-01T18:10:00Z"`, `"wrapUp":"1m30s"`, `"stayOut":"2m"`, `"signedInBefore":"2126-01-01T14:00:00Z"`, `"expiresAt":"2126-01-01T18:25:00Z"`,
	} {
		if !strings.Contains(sent, want) {
			t.Errorf("no %s in %s", want, sent)
		}
	}
	for want, args := range map[string][]string{
		"--grace goes with --when-idle":   {"--grace", "10m"},
		"--wrap-up goes with --when-idle": {"--wrap-up", "60s"},
		"from 1s to 1h":                   {"--when-idle", "--wrap-up", "2h"},
		"from 10s to 1h":                  {"--stay-out", "5s"},
		"--signed-in-before":              {"--signed-in-before", "lunch"},
	} {
		if code, out, errOut := invoke(ctx, append([]string{"send", "--nats", url, "30001"}, args...)...); code != exit.Usage || !strings.Contains(errOut, want) {
			t.Errorf("%v: exit %d, %s%s", args, code, out, errOut)
		}
	}
	guid := rig.GUIDFile(t)
	for want, args := range map[string][]string{
		"10m0s for a call, 1m0s": {"--when-idle", "--wrap-up", "60s"},
		"go with --when-idle":    {"--grace", "5m"},
		"up to 1h":               {"--when-idle", "--wrap-up", "2h"},
	} {
		args = append([]string{"worker", "--check-config", "--gateway", "http://127.0.0.1:1", "--inspector", "1001", "--guid-file", guid}, args...)
		if _, out, errOut := invoke(ctx, args...); !strings.Contains(out+errOut, want) {
			t.Errorf("%v: %s%s", args, out, errOut)
		}
	}
}

// lastCommand is what stands last in the command stream.
func lastCommand(ctx context.Context, t *testing.T, url string) string {
	t.Helper()
	js := rig.JetStream(t, url)
	stream, err := js.Stream(ctx, messages.DefaultPrefix.Stream("COMMANDS"))
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(ctx, messages.DefaultPrefix.Commands(messages.DefaultVCC))
	if err != nil {
		t.Fatal(err)
	}
	return string(msg.Data)
}

// TestMax: more commands than --max are not sent, but looked at; those that --except leaves
// out do not count.
func TestMax(t *testing.T) {
	t.Parallel()
	ctx, url := rig.Context(t), rig.NATS(t)
	if code, _, errOut := invoke(ctx, "setup", "--nats", url); code != exit.OK {
		t.Fatal(errOut)
	}
	shiftEnd := write(t, "shift.csv", "workNo,at\n30001,+5h\n30002,+5h\n30003,+5h\n")
	except := write(t, "except.txt", "30002")
	for _, c := range []struct {
		args []string
		code int
		want string
		held string
	}{
		{[]string{"--max", "2"}, exit.Usage, "3 commands, more than --max 2: nothing was sent", ""},
		{[]string{"--max", "2", "--dry-run"}, exit.OK, "nothing would be sent without --yes", ""},
		{[]string{"--yes"}, exit.Usage, "--yes goes with --max", ""},
		{[]string{"--max", "2", "--except", except}, exit.OK, "2 commands sent", `"scheduled":2`},
		{[]string{"--max", "2", "--yes"}, exit.OK, "3 commands sent", `"scheduled":3`},
	} {
		code, out, errOut := invoke(ctx, append([]string{"send", "--nats", url, "--file", shiftEnd}, c.args...)...)
		if code != c.code || !strings.Contains(out+errOut, c.want) {
			t.Errorf("%v: exit %d, %s%s", c.args, code, out, errOut)
		}
		if _, out, errOut := invoke(ctx, "status", "--nats", url, "--json"); !strings.Contains(out, c.held) || c.held == "" && strings.Contains(out, "scheduled") {
			t.Errorf("%v: not %q in %s%s", c.args, c.held, out, errOut)
		}
	}
}

// TestSparePeopleCommands: every command line of the page about it is one that the program
// takes, and its configuration has keys that a worker knows.
func TestSparePeopleCommands(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../../deploy/docs/spare-people.md")
	if err != nil {
		t.Fatal(err)
	}
	takesAll(t, string(page), regexp.MustCompile(`(?m)^(?:forcelogout|.*`+"`forcelogout"+`) ([^`+"`"+`\n]+)`), 4)
	known := reflect.TypeFor[settings.PerVCC]()
	for _, key := range []string{"protect", "protect-file", "when-idle", "grace", "wrap-up", "max-per-minute"} {
		if !strings.Contains(string(page), "`"+key) && !strings.Contains(string(page), key+":") {
			t.Errorf("the page does not tell of %s", key)
		}
		found := false
		for i := range known.NumField() {
			found = found || known.Field(i).Tag.Get("yaml") == key
		}
		if !found {
			t.Errorf("no setting is called %s", key)
		}
	}
}
