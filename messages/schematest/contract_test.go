package schematest_test

import (
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/messages/schematest"
)

// TestMessage: each kind of message is known by its subject, and a fault of it is found.
func TestMessage(t *testing.T) {
	const (
		command = `{"id":"a","workNo":"30012"}`
		result  = `{"id":"a","vcc":"default","workNo":"30012","outcome":"signed_out","attempts":1}`
		event   = `{"id":"a","vcc":"default","workNo":"30012","phase":"wait"}`
		state   = `{"vcc":"default","worker":"w1","state":"down"}`
	)
	headers := func() map[string][]string {
		return map[string][]string{
			"Nats-Msg-Id": {"a"}, "Content-Type": {"application/json"}, "Forcelogout-Outcome": {"signed_out"},
			"ce-specversion": {"1.0"}, "ce-id": {"a"}, "ce-source": {"/x"}, "ce-type": {"forcelogout.result.v1"}, "ce-subject": {"default/30012"},
		}
	}
	without := func(name string) map[string][]string {
		h := headers()
		delete(h, name)
		return h
	}
	with := func(name string) map[string][]string {
		h := headers()
		h[name] = []string{"1"}
		return h
	}
	letter := map[string][]string{"Forcelogout-Error": {"x"}, "Forcelogout-Subject": {"y"}, "Forcelogout-Sequence": {"1"}}
	at := map[string][]string{"Nats-Schedule": {"@at 2026-01-31T18:00:00Z"}, "Nats-Schedule-Target": {"forcelogout.commands.default"}}
	contract, err := schematest.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, subject string
		header        map[string][]string
		data          string
		problem       string // "" for none
	}{
		{"command", "forcelogout.commands.default", nil, command, ""},
		{"command that both refuse", "forcelogout.commands.default", nil, `{"id":"a"}`, ""},
		{"command for later", "forcelogout.schedule.default.a", at, command, ""},
		{"command for no time", "forcelogout.schedule.default.a", nil, command, "Nats-Schedule"},
		{"result", "forcelogout.results.default.30012.a", headers(), result, ""},
		{"result from the stream", "forcelogout.results.default.30012.a", with("Nats-Sequence"), result, ""},
		{"result with a new field", "forcelogout.results.default.30012.a", headers(), result[:len(result)-1] + `,"new":1}`, "new"},
		{"result without an outcome", "forcelogout.results.default.30012.a", headers(), strings.Replace(result, "outcome", "error", 1), "outcome"},
		{"success with a cause", "forcelogout.results.default.30012.a", headers(), result[:len(result)-1] + `,"cause":"refused"}`, "cause"},
		{"failure without a cause", "forcelogout.results.default.30012.a", headers(), strings.Replace(result, "signed_out", "failed", 1), "cause"},
		{"result without a header", "forcelogout.results.default.30012.a", without("ce-type"), result, "ce-type"},
		{"result with a new header", "forcelogout.results.default.30012.a", with("X-New"), result, "X-New"},
		{"progress", "forcelogout.progress.default.30012.a", nil, event, ""},
		{"progress of no phase", "forcelogout.progress.default.30012.a", nil, strings.Replace(event, "wait", "x", 1), "phase"},
		{"state of a gateway", "forcelogout.progress.default", nil, state, ""},
		{"no state of a gateway", "forcelogout.progress.default", nil, event, "state"},
		{"dead letter", "forcelogout.dead.default", letter, "any bytes", ""},
		{"dead letter without a reason", "forcelogout.dead.default", nil, "any bytes", "Forcelogout-Error"},
		{"another subject", "forcelogout.parked.default.a", nil, "any bytes", ""},
	} {
		err := contract.Message(test.subject, test.header, []byte(test.data))
		if test.problem == "" && err != nil || test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.problem)
		}
	}
}
