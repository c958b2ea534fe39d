package messages_test

import (
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/messages"
)

// TestWords: each outcome and cause of the contract has words of its own, and one that
// comes from a newer version is readable.
func TestWords(t *testing.T) {
	seen := map[string]bool{}
	check := func(name, words string) {
		if words == "" || strings.Contains(words, "_") || seen[words] {
			t.Errorf("%s is said as %q", name, words)
		}
		seen[words] = true
	}
	for _, outcome := range append(messages.Outcomes(), "was_moved") {
		check(string(outcome), outcome.Words())
	}
	for _, cause := range []messages.Cause{
		messages.CauseRefused, messages.CauseRetriesExhausted, messages.CauseExpiredBeforeAttempt, messages.CauseExpiredWhileRetrying,
		messages.CauseNoSession, messages.CauseInvalid, messages.CauseCancelled, messages.CauseSuperseded, messages.CauseProtected, "on_leave",
	} {
		check(string(cause), cause.Words())
	}
	clear(seen)
	for _, state := range []messages.AgentState{
		messages.AgentSignedOut, messages.AgentIdle, messages.AgentBusy, messages.AgentOnCall, messages.AgentWrapUp, messages.AgentResting,
		messages.AgentSignedIn, messages.AgentUnknown, "on_the_moon",
	} {
		check(string(state), state.Words())
	}
	if got := messages.Cause("").Words(); got != "" {
		t.Errorf("no cause is said as %q", got)
	}
}
