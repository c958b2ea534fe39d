package console

import (
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// TestPrintable: nothing from outside plays with the terminal or forges a line.
func TestPrintable(t *testing.T) {
	t.Parallel()
	evil := "x\n22:00:00  30001   signed_out\x1b[2J\u202e"
	r := messages.Result{ID: "a", VCC: "default", WorkNo: "30001", Outcome: messages.Outcome(evil), Error: evil, FinishedAt: time.Now()}
	for name, line := range map[string]string{
		"result": resultLine(r, false, 1000, true), "progress": Printable(progressLine(messages.Progress{WorkNo: evil, Error: evil, Phase: messages.PhaseAttempt})),
		"gateway": Printable(gatewayLine(messages.GatewayState{VCC: evil, State: evil, Worker: evil, Error: evil})),
	} {
		if strings.ContainsAny(line, "\n\x1b\u202e") {
			t.Errorf("%s: %q", name, line)
		}
	}
}
