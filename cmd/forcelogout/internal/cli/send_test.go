package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/worker/shift"
)

// TestSendStdin: standard input is read to its end before anything is sent.
func TestSendStdin(t *testing.T) {
	t.Parallel()
	ctx, url := rig.Context(t), rig.NATS(t)
	if code, _, errOut := invoke(ctx, "setup", "--nats", url); code != exit.OK {
		t.Fatal(errOut)
	}
	for text, want := range map[string]int{
		`{"workNo":"30001"}` + "\n" + `{"workNo":"x"}`:     exit.Usage,
		`{"workNo":"30001"}` + "\n" + `{"workNo":"30002"}`: exit.OK,
	} {
		var out, errOut rig.Output
		command := sendCommand{File: "-", Now: true, VCC: "default", Timeout: shift.Span(time.Minute), stdin: strings.NewReader(text)}
		command.NATS, command.Prefix, command.LogLevel, command.LogFormat = url, "forcelogout", "error", "text"
		if code := exitCode(command.Run(ctx, console.IO{Out: &out, Err: &errOut}), console.IO{Out: &out, Err: &errOut}); code != want {
			t.Errorf("%s: exit %d, %s%s", text, code, out.String(), errOut.String())
		}
	}
	if code, out, errOut := invoke(ctx, "status", "--nats", url, "--json"); code != exit.OK || !strings.Contains(out, `"waiting":2`) {
		t.Errorf("exit %d, %s%s, want 2 commands in the stream", code, out, errOut)
	}
}

// TestSendDays: lengths of time may be given in days, as elsewhere.
func TestSendDays(t *testing.T) {
	t.Parallel()
	ctx, url := rig.Context(t), rig.NATS(t)
	if code, _, errOut := invoke(ctx, "setup", "--nats", url); code != exit.OK {
		t.Fatal(errOut)
	}
	code, out, errOut := invoke(ctx, "send", "--nats", url, "--not-before", "2126-01-01T18:00:00Z", "--expires-in", "1d30m",
		"--timeout", "1d", "--wait-timeout", "2d", "30001")
	if code != exit.OK {
		t.Fatalf("exit %d, %s%s", code, out, errOut)
	}
	if sent := lastCommand(ctx, t, url); !strings.Contains(sent, `"expiresAt":"2126-01-02T18:30:00Z"`) {
		t.Errorf("sent %s", sent)
	}
	if code, out, errOut := invoke(ctx, "cancel", "--nats", url, "--timeout", "1d", "--work-no", "30001"); code != exit.OK {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
}
