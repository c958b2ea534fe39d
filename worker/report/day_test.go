package report_test

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/worker/report"
)

// TestParseDay: a day lasts from one beginning to the next by the clock of its zone,
// also where the clocks change, and where they skip midnight.
func TestParseDay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, begins, now, zone, from, to string }{
		"date":                 {"2026-11-25", "", "2026-12-01T12:00:00Z", "Europe/Madrid", "2026-11-24T23:00:00Z", "2026-11-25T23:00:00Z"},
		"today":                {"today", "", "2026-11-25T22:59:59Z", "Europe/Madrid", "2026-11-24T23:00:00Z", "2026-11-25T23:00:00Z"},
		"today, past it":       {"", "", "2026-11-25T23:00:00Z", "Europe/Madrid", "2026-11-25T23:00:00Z", "2026-11-26T23:00:00Z"},
		"yesterday":            {"yesterday", "", "2026-11-25T23:00:00Z", "Europe/Madrid", "2026-11-24T23:00:00Z", "2026-11-25T23:00:00Z"},
		"overnight":            {"2026-11-25", "04:00", "2026-12-01T12:00:00Z", "Europe/Madrid", "2026-11-25T03:00:00Z", "2026-11-26T03:00:00Z"},
		"overnight, today":     {"today", "04:00", "2026-11-26T02:59:00Z", "Europe/Madrid", "2026-11-25T03:00:00Z", "2026-11-26T03:00:00Z"},
		"clocks go back":       {"2026-10-25", "", "2026-12-01T12:00:00Z", "Europe/Madrid", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		"clocks go forward":    {"2026-03-29", "", "2026-12-01T12:00:00Z", "Europe/Madrid", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"begins in the gap":    {"2026-03-29", "02:30", "2026-12-01T12:00:00Z", "Europe/Madrid", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"},
		"no midnight":          {"2018-11-04", "", "2026-12-01T12:00:00Z", "America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
		"midnight comes twice": {"2018-02-17", "", "2026-12-01T12:00:00Z", "America/Sao_Paulo", "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, c.now)
			if err != nil {
				t.Fatal(err)
			}
			d, err := report.ParseDay(c.text, c.begins, now, zone(t, c.zone))
			if err != nil {
				t.Fatal(err)
			}
			if from, to := d.From.UTC().Format(time.RFC3339), d.To.UTC().Format(time.RFC3339); from != c.from || to != c.to {
				t.Errorf("from %s to %s, want %s to %s", from, to, c.from, c.to)
			}
		})
	}
	for _, c := range [][2]string{{"25.11.2026", ""}, {"2026-02-30", ""}, {"2026-11-25", "4"}, {"2026-11-25", "24:00"}, {"9999-01-01", ""}, {"tomorrow", ""}} {
		if d, err := report.ParseDay(c[0], c[1], time.Now(), time.UTC); err == nil {
			t.Errorf("%v is taken for %v", c, d)
		}
	}
}

// TestClock: a time on another date says so, and a time that comes twice says which.
func TestClock(t *testing.T) {
	t.Parallel()
	evening, change := day(t, "2026-11-25", "", "Europe/Madrid"), day(t, "2026-10-25", "", "Europe/Madrid")
	for _, c := range []struct {
		day      report.Day
		at, want string
	}{
		{evening, "2026-11-25T17:00:00Z", "18:00:00"},
		{evening, "2026-11-25T23:12:07Z", "00:12:07 +1d"},
		{evening, "2026-11-22T23:12:07Z", "00:12:07 -2d"},
		{evening, "9999-12-31T12:00:00Z", "13:00:00 +2912114d"},
		{change, "2026-10-25T00:30:00Z", "02:30:00 CEST"},
		{change, "2026-10-25T01:30:00Z", "02:30:00 CET"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.day.Clock(at); got != c.want {
			t.Errorf("%s is %q, want %q", c.at, got, c.want)
		}
	}
}
