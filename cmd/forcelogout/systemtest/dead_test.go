package systemtest

import (
	"os"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestDead: what a user does with invalid commands. One that has become valid,
// here because its reply subject is allowed now, is sent again under its id.
func TestDead(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, sim.Config{})
	strict := in.keeper("strict", in.nats)
	for i, data := range []string{`{"id":"typo","workNo":"30001","expiresat":"x"}`, "\x1b[2Jnonsense", `{"id":"reply","workNo":"30002","replyTo":"orders.done"}`} {
		_, err := in.js.Publish(in.ctx, messages.DefaultPrefix.Commands("default"), []byte(data))
		in.must(err)
		for in.streamMsgs("DEAD") <= uint64(i) {
			in.tick()
		}
	}
	for in.streamMsgs("RESULTS") < 2 {
		in.tick()
	}
	dead := func(args ...string) (int, string, string) {
		return invoke(in.ctx, append([]string{"dead", args[0], "--nats", in.nats}, args[1:]...)...)
	}
	code, out, errOut := dead("ls")
	if code != exit.OK || strings.Count(out, "\n") != 3 || !strings.Contains(out, "did you mean expiresAt?") || !strings.Contains(out, "30002") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	if code, out, _ = dead("ls", "--json", "--vcc", "default"); code != exit.OK || !strings.Contains(out, `"id":"typo"`) {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, out, _ = dead("show", "2"); code != exit.OK || !strings.Contains(out, ".[2Jnonsense") || strings.Contains(out, "\x1b") {
		t.Errorf("exit %d, %q", code, out)
	}
	if code, _, errOut = dead("replay", "1"); code != exit.Failed || !strings.Contains(errOut, "did you mean expiresAt?") {
		t.Errorf("exit %d, %s", code, errOut)
	}
	in.must(strict.Process.Signal(os.Interrupt))
	in.must(strict.Wait())
	in.keeper("lenient", in.nats, "--allow-reply", "orders.>")
	if code, out, errOut = dead("replay", "3"); code != exit.OK || !strings.Contains(out, "reply  30002") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	_, err := in.sim.AwaitCall(in.ctx, func(c sim.Call) bool { return c.WorkNo == "30002" && c.Effect })
	in.must(err)
	if code, out, _ = dead("rm", "1", "2"); code != exit.OK || !strings.Contains(out, "2  removed") || in.streamMsgs("DEAD") != 0 {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, _, errOut = dead("rm", "1"); code != exit.Failed || !strings.Contains(errOut, "no dead letter") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}

// TestDeadMany: letters by range and age, and whole for programs.
func TestDeadMany(t *testing.T) {
	t.Parallel()
	in := setUpOnly(t)
	for _, data := range []string{"one", "\x1b[2Jtwo", "three", "four", "five"} {
		in.bury(data)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"show", "--raw", "2"}, exit.OK, "\x1b[2Jtwo"},
		{[]string{"show", "--json", "2-3"}, exit.OK, `"seq":3`},
		{[]string{"show", "--json", "--raw", "2"}, exit.Usage, "--raw"},
		{[]string{"show"}, exit.Usage, "--older-than"},
		{[]string{"show", "3-1"}, exit.Usage, "3-1"},
		{[]string{"ls", "--since", "1d"}, exit.OK, "     5  "},
		{[]string{"rm", "--older-than", "1d"}, exit.Failed, "no dead letter is of that age"},
		{[]string{"rm", "2-3", "9"}, exit.Failed, "no dead letter"},
		{[]string{"rm", "7-9"}, exit.Failed, "no dead letter"},
		{[]string{"rm", "--since", "1h"}, exit.OK, "5  removed"},
	} {
		code, out, errOut := invoke(in.ctx, append([]string{"dead", c.args[0], "--nats", in.nats}, c.args[1:]...)...)
		if code != c.code || !strings.Contains(out+errOut, c.want) {
			t.Errorf("%v: exit %d, %s%s", c.args, code, out, errOut)
		}
	}
	if n := in.streamMsgs("DEAD"); n != 0 {
		t.Errorf("%d letters are left", n)
	}
}
