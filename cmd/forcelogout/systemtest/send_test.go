package systemtest

import (
	"encoding/csv"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestSendFile: a shift file from its first mistake to its report, and once more.
func TestSendFile(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, sim.Config{})
	code, _, errOut := invoke(in.ctx, "setup", "--nats", in.nats)
	if code != exit.OK {
		t.Fatal(errOut)
	}
	send := func(args ...string) (int, string, string) {
		return invoke(in.ctx, append([]string{"send", "--nats", in.nats}, args...)...)
	}
	broken := in.write("shift.csv", "WorkNo,reason,shift\n30001,a,S-18\nx,b,S-18\n30002,c,S-18\n7,d,S-18\n")
	code, out, errOut := send("--now", "--meta", "shift", "--file", broken)
	if code != exit.Usage || !strings.Contains(errOut, "line 3: workNo") || !strings.Contains(errOut, "line 5: workNo") || !strings.Contains(errOut, "2 of 4 lines are bad, nothing was sent") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	if code, out, errOut = send("--now", "--meta", "shift", "--file", broken, "--skip-invalid", "--dry-run"); code != exit.OK || !strings.Contains(out, "2 commands would be sent") || !strings.Contains(out, "30002") || !strings.Contains(errOut, "line 5") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	if n := in.streamMsgs("COMMANDS"); n != 0 {
		t.Fatalf("%d commands were sent", n)
	}
	in.keeper("w", in.nats)
	report := in.files + "/out.csv"
	code, out, errOut = send("--now", "--meta", "shift", "--file", broken, "--skip-invalid", "--wait", "--report", report)
	if code != exit.OK || !strings.Contains(out, "2 commands sent") || !strings.Contains(out, "signed_out         2") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	file, err := os.Open(report)
	in.must(err)
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	in.must(err)
	if len(lines) != 3 || lines[0][0] != "id" || lines[1][3] != "signed_out" || lines[2][3] != "signed_out" {
		t.Errorf("report %v", lines)
	}
	// The same file again, with what was wrong put right: only that is new.
	in.write("shift.csv", "reason,WorkNo,shift\na,30001,S-18\nb,30003,S-18\nc,30002,S-18\nd,30004,S-18\n")
	for _, want := range []struct {
		code  int
		flags []string
		now   string
	}{{exit.Failed, nil, "signed_out         2"}, {exit.OK, []string{"--ok-if-ended"}, "4 commands had ended before"}} {
		code, out, errOut = send(append([]string{"--now", "--meta", "shift", "--file", broken, "--wait"}, want.flags...)...)
		if code != want.code || !strings.Contains(out, want.now) || !strings.Contains(out, "had ended before, without a call now: signed_out") {
			t.Errorf("exit %d, %s%s", code, out, errOut)
		}
	}
	for i := range 4 {
		if n := len(in.sim.CallsTo(agentNo(i), sim.OpForceLogout)); n != 1 {
			t.Errorf("%d calls for %s", n, agentNo(i))
		}
	}
}

// TestSendAt: a command is held by the server, moved, and executed at its time; one
// that was withdrawn cannot be sent again.
func TestSendAt(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, sim.Config{})
	in.keeper("w", in.nats)
	send := func(args ...string) (int, string, string) {
		return invoke(in.ctx, append([]string{"send", "--nats", in.nats}, args...)...)
	}
	for _, at := range []string{"+10h", "+5h"} {
		if code, out, errOut := send("--at", at, "--id", "moved", "30001"); code != exit.OK || !strings.Contains(out, "moved  30001  ") {
			t.Errorf("exit %d, %s%s", code, out, errOut)
		}
	}
	if n := in.streamMsgs("COMMANDS"); n != 1 {
		t.Errorf("%d commands are in the stream, want one that was moved", n)
	}
	if code, out, errOut := send("--at", "+2s", "--id", "moved", "--wait", "30001"); code != exit.OK || !strings.Contains(out, "signed_out") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	if code, out, _ := send("--at", "+1h", "--id", "moved", "30001"); code != exit.Failed || !strings.Contains(out, "not sent: the command has ended already: signed_out") {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, out, errOut := send("--not-before", "+2s", "--wait", "30002"); code != exit.OK || !strings.Contains(out, "signed_out") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	if calls := in.sim.CallsTo("30001", sim.OpForceLogout); len(calls) != 1 {
		t.Errorf("%d calls", len(calls))
	}
}

// TestSendLarge: a large file is sent with a bounded number of orders on their way.
func TestSendLarge(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, sim.Config{})
	if code, _, errOut := invoke(in.ctx, "setup", "--nats", in.nats); code != exit.OK {
		t.Fatal(errOut)
	}
	const lines = poisoned / 5 // fewer under the race detector
	var text strings.Builder
	text.WriteString("workNo,at\n")
	for i := range lines {
		fmt.Fprintf(&text, "%s,2126-11-24T18:00\n", agentNo(i))
	}
	name := in.write("shift.csv", text.String())
	for _, want := range []string{fmt.Sprintf("%d commands sent", lines), fmt.Sprintf("0 commands sent, %d there already", lines)} {
		if code, out, errOut := invoke(in.ctx, "send", "--nats", in.nats, "--file", name); code != exit.OK || !strings.Contains(out, want) {
			t.Fatalf("exit %d, %s%s", code, out, errOut)
		}
	}
	if n := in.streamMsgs("COMMANDS"); n != lines {
		t.Errorf("%d commands are in the stream, want %d", n, lines)
	}
}
