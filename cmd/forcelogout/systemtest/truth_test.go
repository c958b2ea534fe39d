package systemtest

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// setUpOnly is an installation without a worker.
func setUpOnly(t *testing.T) *installation {
	t.Helper()
	in := newInstallation(t, sim.Config{})
	if code, _, errOut := invoke(in.ctx, "setup", "--nats", in.nats); code != exit.OK {
		t.Fatal(errOut)
	}
	return in
}

func (in *installation) invoke(args ...string) (code int, out, errOut string) {
	return invoke(in.ctx, append(args, "--nats", in.nats)...)
}

// TestIDTwice: one id for two different lines is refused, with both; the same line
// twice is one command.
func TestIDTwice(t *testing.T) {
	t.Parallel()
	in := setUpOnly(t)
	file := in.write("shift.csv", "workNo,id,at\n30001,a,+1h\n30002,b,+1h\n30003,a,+1h\n")
	if code, out, errOut := in.invoke("send", "--file", file); code != exit.Usage || !strings.Contains(errOut, "lines 2 and 4 have the same id a") || in.streamMsgs("COMMANDS") != 0 {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	in.write("shift.csv", "workNo,id,at\n30001,a,2126-01-01T18:00\n30001,a,2126-01-01T18:00\n")
	if code, out, errOut := in.invoke("send", "--file", file); code != exit.OK || !strings.Contains(out, "1 command sent, 1 there already") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	// The same id for another agent, in another run.
	if code, out, _ := in.invoke("send", "--at", "2126-01-01T18:00", "--id", "a", "30002"); code != exit.Failed || !strings.Contains(out, "not sent: the id is there already, for another command: agent 30001") {
		t.Errorf("exit %d, %s", code, out)
	}
}

// TestFullDisk: what could not be written is no success.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	in := setUpOnly(t)
	in.invoke("send", "30001")
	in.bury("x")
	file := in.write("shift.csv", "workNo,at\n30002,+1h\n")
	for _, args := range [][]string{
		{"send", "30009"}, {"send", "--file", file}, {"send", "--file", file, "--dry-run"}, {"status"}, {"status", "--json"},
		{"dead", "ls"}, {"dead", "show", "1"}, {"cancel", "nosuch"}, {"setup"}, {"version"}, {"result", "nosuch"},
	} {
		if args[0] != "version" {
			args = append(args, "--nats", in.nats)
		}
		var errOut rig.Output
		if code := run(in.ctx, args, console.IO{Out: full, Err: &errOut}); code != exit.Failed {
			t.Errorf("%v: exit %d, %s", args, code, errOut.String())
		}
	}
	// Nobody knows the id that could not be shown.
	if _, out, _ := in.invoke("status", "--json"); !strings.Contains(out, `"scheduled":1,"waiting":1`) {
		t.Errorf("status %s", out)
	}
	if code, _, errOut := in.invoke("send", "--wait", "--wait-timeout", "1s", "--report", "/dev/full", "30001"); code != exit.Failed || !strings.Contains(errOut, "--report") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}

// TestReportPlace: a report never destroys the file with the commands, nor what was
// there before it is whole.
func TestReportPlace(t *testing.T) {
	t.Parallel()
	in := setUpOnly(t)
	const text = "workNo,at\n30001,+1h\n"
	file := in.write("shift.csv", text)
	link := filepath.Join(in.files, "link.csv")
	in.must(os.Symlink(file, link))
	for _, report := range []string{file, link, in.files + "/../" + filepath.Base(in.files) + "/shift.csv", in.files, "/nowhere/out.csv"} {
		if code, _, errOut := in.invoke("send", "--file", file, "--wait", "--report", report); code != exit.Usage || !strings.Contains(errOut, "--report") {
			t.Errorf("%s: exit %d, %s", report, code, errOut)
		}
	}
	left, err := os.ReadFile(file)
	in.must(err)
	if string(left) != text || in.streamMsgs("COMMANDS") != 0 {
		t.Errorf("the file holds %q", left)
	}
	entries, err := os.ReadDir(in.files)
	in.must(err)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			t.Errorf("%s is left behind", entry.Name())
		}
	}
}

// TestSendPipe: a pipe is read once, and the same through another one is the same.
func TestSendPipe(t *testing.T) {
	t.Parallel()
	in := setUpOnly(t)
	for i, want := range []string{"2 commands sent", "2 there already"} {
		pipe := filepath.Join(in.files, string(rune('a'+i)))
		in.must(syscall.Mkfifo(pipe, 0o600))
		go func() {
			if w, err := os.OpenFile(pipe, os.O_WRONLY, 0); err == nil {
				_, _ = io.WriteString(w, "workNo,at\n30001,2126-01-01T18:00\n30002,2126-01-01T18:00\n")
				_ = w.Close()
			}
		}()
		if code, out, errOut := in.invoke("send", "--file", pipe); code != exit.OK || !strings.Contains(out, want) {
			t.Errorf("exit %d, %s%s", code, out, errOut)
		}
	}
	if code, _, errOut := in.invoke("send", "--file", in.files); code != exit.Usage || !strings.Contains(errOut, "it is a directory") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}

// TestSendInterrupted: Ctrl-C ends a wait, and says which commands go on.
func TestSendInterrupted(t *testing.T) {
	t.Parallel()
	in := setUpOnly(t)
	for _, args := range [][]string{{"--id", "mine", "30001"}, {"--file", in.write("shift.csv", "workNo,id,at\n30002,mine,+1h\n"), "--vcc", "other"}} {
		p := startProcess(t, append([]string{"send", "--nats", in.nats, "--wait"}, args...)...)
		before := in.streamMsgs("COMMANDS")
		for in.streamMsgs("COMMANDS") == before && !strings.Contains(p.log.String(), "sent") {
			in.tick()
		}
		for range 100 { // nothing is seen of an acknowledgement that has come
			in.tick()
		}
		in.must(p.Process.Signal(os.Interrupt))
		_ = p.Wait()
		if code := p.ProcessState.ExitCode(); code != exit.Interrupted || !strings.Contains(p.log.String(), "mine  goes on") {
			t.Errorf("exit %d, %s", code, p.log.String())
		}
	}
}

// TestResultAndWatchEnd: what there is to see of commands without waiting for more.
func TestResultAndWatchEnd(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, sim.Config{})
	in.keeper("w", in.nats)
	for _, id := range []string{"a", "b", "c"} {
		if code, out, errOut := in.invoke("send", "--wait", "--json", "--id", id, "3000"+string(rune('1'+id[0]-'a'))); code != exit.OK ||
			!strings.Contains(out, `{"kind":"receipt","id":"`+id+`"`) || !strings.Contains(out, `{"kind":"result","id":"`+id+`"`) {
			t.Errorf("exit %d, %s%s", code, out, errOut)
		}
	}
	in.invoke("send", "--at", "+1h", "--id", "later", "30009")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"watch", "--since", "1d", "--no-follow"}, exit.OK, `(?s)default/a.*default/b.*default/c`},
		{[]string{"watch", "--since", "1d", "--no-follow", "--json", "--limit", "1"}, exit.OK, `^{"kind":"result","id":"a".*\n$`},
		{[]string{"watch", "--until", "+1s", "--since", "1d"}, exit.OK, `default/c`},
		{[]string{"watch", "--no-follow"}, exit.Usage, `--since`},
		{[]string{"result", "a", "c"}, exit.OK, `(?s)signed_out.*default/a.*default/c`},
		{[]string{"result", "a", "later", "never"}, exit.Failed, `(?s)default/later +30009 +no result: planned until .*default/never +no result: unknown`},
		{[]string{"result", "--json", "later"}, exit.Failed, `"state":"planned"`},
	} {
		code, out, errOut := in.invoke(c.args...)
		if code != c.code || !regexp.MustCompile(c.want).MatchString(out+errOut) {
			t.Errorf("%v: exit %d, %s%s", c.args, code, out, errOut)
		}
	}
}

// TestCancelFile: the commands of a file are withdrawn by the file, also after some of
// their times have passed.
func TestCancelFile(t *testing.T) {
	t.Parallel()
	in := setUpOnly(t)
	file := in.write("shift.csv", "workNo,at,reason\n30001,2126-01-01T18:00,a\n30002,2126-01-01T18:00,b\n30003,2020-01-01T18:00,c\n")
	if code, out, errOut := in.invoke("send", "--file", file, "--skip-invalid"); code != exit.OK {
		t.Fatalf("exit %d, %s%s", code, out, errOut)
	}
	in.write("shift.csv", "workNo,at,reason\n30001,2126-01-01T18:00,other text\n30002,2126-01-01T18:00,b\n30003,2020-01-01T18:00,c\n")
	if code, out, errOut := in.invoke("cancel", "--file", file); code != exit.Failed || !strings.Contains(out, "2 cancelled, 1 unknown") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	if code, out, errOut := in.invoke("cancel", "--date", "2126-01-01"); code != exit.OK && !strings.Contains(errOut, "no open command") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
}
