package messages_test

import (
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/messages"
)

func TestPrefixNames(t *testing.T) {
	const p = messages.DefaultPrefix
	const acme = messages.Prefix("acme.log-out")
	for _, test := range []struct{ got, want string }{
		{p.Commands("default"), "forcelogout.commands.default"},
		{p.Schedule("default", "a-1"), "forcelogout.schedule.default.a-1"},
		{p.Result("default", "30012", "a-1"), "forcelogout.results.default.30012.a-1"},
		{p.Dead("default"), "forcelogout.dead.default"},
		{p.Progress("default", "30012", "a-1"), "forcelogout.progress.default.30012.a-1"},
		{p.Result(messages.AnyToken, "30012", messages.AnyToken), "forcelogout.results.*.30012.*"},
		{p.Stream("COMMANDS"), "FORCELOGOUT_COMMANDS"},
		{p.Consumer("default"), "forcelogout-default"},
		{acme.Commands("v"), "acme.log-out.commands.v"},
		{acme.Stream("SESSIONS"), "ACME_LOG-OUT_SESSIONS"},
		{acme.Consumer("v"), "acme_log-out-v"},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}

func TestPrefixValidate(t *testing.T) {
	for _, good := range []string{"forcelogout", "a", "acme.log-out_2", strings.Repeat("p", 64)} {
		checkField(t, messages.Prefix(good).Validate(), "")
	}
	for _, bad := range []string{"", ".", "a.", ".a", "a..b", "a b", "a.*", ">", "$JS", "_INBOX", "a.$b", "ä", "a\n", strings.Repeat("p", 65)} {
		checkField(t, messages.Prefix(bad).Validate(), "prefix")
	}
}

func TestPrefixOwns(t *testing.T) {
	for subject, want := range map[string]bool{
		"forcelogout.commands.default":         true,
		"forcelogout.schedule.default.a":       true,
		"forcelogout.results.default.101.a":    true,
		"forcelogout.dead.default":             true,
		"forcelogout.progress.default.101.a":   true,
		"forcelogout.replies.wfm":              false,
		"forcelogout":                          false,
		"forcelogout2.results.default.101.a":   false,
		"a.forcelogout.results.default.101.a":  false,
		"forcelogout.resultsX.default.30012.a": false,
	} {
		if got := messages.DefaultPrefix.Owns(subject); got != want {
			t.Errorf("%s: %v", subject, got)
		}
	}
}
