package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
)

// TestPlan: list shows who will be signed out, extend moves one evening of one agent, and
// cancel withdraws one.
func TestPlan(t *testing.T) {
	t.Parallel()
	p := newPlanner(t)
	week := p.file("week.csv", "30011,2126-11-25T18:00:00Z,Nord", "30011,2126-11-26T18:00:00Z,Nord", "30012,2126-11-25T23:30:00Z,Sued", "30013,2126-11-25T19:00:00Z,Sued")
	p.run(exit.OK, "send", "--meta", "team", "--file", week, "--tz", "UTC", "--replace", "dates", "--reason", "shift-end", "--requested-by", "wfm")
	list := func(more ...string) string {
		return p.run(exit.OK, append([]string{"list", "--tz", "UTC"}, more...)...)
	}
	p.wants(list(), "4 commands", "2126-11-25 18:00:00  30011  planned  shift-end, by wfm, team=Nord")
	p.wants(list("--on", "2126-11-25"), "3 commands")
	p.wants(list("--meta", "team=Nord"), "2 commands")
	p.wants(list("--meta", "team=Nord", "--on", "2126-11-26", "--json"), `"kind":"planned"`, `"workNo":"30011","at":"2126-11-26T18:00:00Z","day":"2126-11-26","state":"planned"`)
	p.wants(list("--on", "today"), "nobody")

	extend := func(code int, more ...string) string {
		return p.run(code, append([]string{"extend", "--tz", "UTC"}, more...)...)
	}
	p.wants(extend(exit.OK, "--work-no", "30011", "--until", "20:00"), "moved", "2126-11-25 18:00 -> 2126-11-25 20:00")
	p.wants(extend(exit.OK, "--work-no", "30011", "--until", "21:00", "--on", "2126-11-26"), "2126-11-26 18:00 -> 2126-11-26 21:00")
	p.wants(extend(exit.OK, "--work-no", "30012", "--until", "00:30", "--json"), `"to":"2126-11-26T00:30:00Z"`)
	p.wants(extend(exit.OK, "--work-no", "30013", "--until", "+30m"), "19:00 -> 2126-11-25 19:30")
	p.wants(extend(exit.Failed, "--work-no", "30099", "--until", "20:00"), "forcelogout list --work-no 30099")
	p.wants(extend(exit.Usage, "--work-no", "30011", "--until", "late"), "--until")
	// A shift that goes over midnight is its first day's. What counts from its time has
	// moved as well.
	p.wants(list("--on", "2126-11-25", "--work-no", "30012", "--json"), `"day":"2126-11-25"`, `"expiresAt":"2126-11-26T00:45:00Z"`)

	p.wants(p.run(exit.OK, "cancel", "--on", "2126-11-25", "--work-no", "30011"), "30011   cancelled")
	p.wants(list("--work-no", "30011"), "2126-11-26 21:00:00", "1 command\n")
	p.wants(p.run(exit.OK, "cancel", "--meta", "team=Sued", "--on", "2126-11-25", "--tz", "UTC"), "2 cancelled")
	p.wants(list(), "1 command\n")
	p.wants(p.run(exit.OK, "send", "--meta", "team", "--file", week, "--tz", "UTC", "--replace", "dates"), "3 new, 1 moved")
	p.wants(p.run(exit.OK, "cancel", "--file", week, "--tz", "UTC"), "4 cancelled")
	p.wants(list(), "nobody")
	p.run(exit.OK, "send", "--meta", "team", "--file", week, "--tz", "UTC")
	p.wants(p.run(exit.OK, "cancel", "--file", week, "--tz", "UTC"), "4 cancelled")
	for _, args := range [][]string{{"list", "--on", "friday"}, {"list", "--meta", "team"}, {"cancel", "--on", "friday"}, {"cancel", "--meta", "=x"}} {
		p.run(exit.Usage, args...)
	}
}

// TestUntil: a time of day belongs to the shift, on whichever side of midnight.
func TestUntil(t *testing.T) {
	t.Parallel()
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, madrid)
	for _, c := range []struct{ text, present, want string }{
		{"20:00", "2026-11-25T18:00", "2026-11-25T20:00"},
		{"17:00", "2026-11-25T18:00", "2026-11-25T17:00"},
		{"00:30", "2026-11-25T23:30", "2026-11-26T00:30"},
		{"06:00", "2026-11-26T05:00", "2026-11-26T06:00"},
		{"+90m", "2026-11-25T23:30", "2026-11-26T01:00"},
		{"2026-11-27T08:00", "2026-11-25T18:00", "2026-11-27T08:00"},
	} {
		const layout = "2006-01-02T15:04"
		present, err := time.ParseInLocation(layout, c.present, madrid)
		if err != nil {
			t.Fatal(err)
		}
		got, err := until(c.text, present, now, madrid)
		if err != nil || got.In(madrid).Format(layout) != c.want {
			t.Errorf("%s of %s: %v, %v, want %s", c.text, c.present, got, err, c.want)
		}
	}
	if _, err := until("later", now, now, madrid); err == nil || !strings.Contains(err.Error(), "--until") {
		t.Errorf("error %v", err)
	}
}
