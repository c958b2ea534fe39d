package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
)

// TestSendStdin: standard input is read to its end before anything is sent.
func TestSendStdin(t *testing.T) {
	t.Parallel()
	ctx, nats := rig.Context(t), rig.NATS(t)
	if code, _, errOut := invoke(ctx, "setup", "--nats", nats); code != exit.OK {
		t.Fatal(errOut)
	}
	for text, want := range map[string]int{
		`{"workNo":"30001"}` + "\n" + `{"workNo":"x"}`:     exit.Usage,
		`{"workNo":"30001"}` + "\n" + `{"workNo":"30002"}`: exit.OK,
	} {
		var out, errOut rig.Output
		command := sendCommand{File: "-", VCC: "default", Timeout: time.Minute, WaitTimeout: time.Minute, stdin: strings.NewReader(text)}
		command.NATS, command.Prefix, command.LogLevel, command.LogFormat = nats, "forcelogout", "error", "text"
		if code := exitCode(command.Run(ctx, console.IO{Out: &out, Err: &errOut}), console.IO{Out: &out, Err: &errOut}); code != want {
			t.Errorf("%s: exit %d, %s%s", text, code, out.String(), errOut.String())
		}
	}
	if code, out, errOut := invoke(ctx, "status", "--nats", nats, "--json"); code != exit.OK || !strings.Contains(out, `"waiting":2`) {
		t.Errorf("exit %d, %s%s, want 2 commands in the stream", code, out, errOut)
	}
}
