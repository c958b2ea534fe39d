package shift

import (
	"strings"
	"testing"
	"time"
)

// TestParseWhen: every form, and the rule for daylight saving.
func TestParseWhen(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ now, text, want, err string }{
		"later today":            {now: "2026-11-24T10:00:00+01:00", text: "18:00", want: "2026-11-24T18:00:00+01:00"},
		"with seconds":           {now: "2026-11-24T10:00:00+01:00", text: "18:00:30", want: "2026-11-24T18:00:30+01:00"},
		"tomorrow":               {now: "2026-11-24T20:00:00+01:00", text: "18:00", want: "2026-11-25T18:00:00+01:00"},
		"new year":               {now: "2026-12-31T20:00:00+01:00", text: "18:00", want: "2027-01-01T18:00:00+01:00"},
		"now":                    {now: "2026-11-24T18:00:00+01:00", text: "18:00", err: "that was 0s ago: leave out"},
		"just passed":            {now: "2026-11-24T18:00:30+01:00", text: "18:00", err: "that was 30s ago: leave out"},
		"local date":             {now: "2026-11-24T10:00:00+01:00", text: "2026-11-25T06:30", want: "2026-11-25T06:30:00+01:00"},
		"local date, space":      {now: "2026-11-24T10:00:00+01:00", text: "2026-11-25 06:30:15", want: "2026-11-25T06:30:15+01:00"},
		"RFC 3339":               {now: "2026-11-24T10:00:00+01:00", text: "2026-11-24T18:00:00Z", want: "2026-11-24T19:00:00+01:00"},
		"days":                   {now: "2026-11-24T10:00:00+01:00", text: "+1d2h", want: "2026-11-25T12:00:00+01:00"},
		"duration":               {now: "2026-11-24T10:00:00+01:00", text: "+1h30m", want: "2026-11-24T11:30:00+01:00"},
		"summer tomorrow":        {now: "2026-03-28T20:00:00+01:00", text: "18:00", want: "2026-03-29T18:00:00+02:00"},
		"winter tomorrow":        {now: "2026-10-24T20:00:00+02:00", text: "18:00", want: "2026-10-25T18:00:00+01:00"},
		"gap":                    {now: "2026-03-28T20:00:00+01:00", text: "02:30", want: "2026-03-29T03:30:00+02:00"},
		"gap with date":          {now: "2026-03-01T20:00:00+01:00", text: "2026-03-29T02:00", want: "2026-03-29T03:00:00+02:00"},
		"fold":                   {now: "2026-10-24T20:00:00+02:00", text: "02:30", want: "2026-10-25T02:30:00+02:00"},
		"after the fold's first": {now: "2026-10-25T00:30:00+02:00", text: "03:00", want: "2026-10-25T03:00:00+01:00"},
		"passed date":            {now: "2026-11-24T10:00:00+01:00", text: "2026-11-24T09:00", err: "that has passed, 1h0m0s ago"},
		"words":                  {now: "2026-11-24T10:00:00+01:00", text: "tomorrow", err: "give 18:00, "},
		"no such hour":           {now: "2026-11-24T10:00:00+01:00", text: "25:00", err: "give 18:00, "},
		"no such day":            {now: "2026-11-24T10:00:00+01:00", text: "2026-02-30T10:00", err: "give 18:00, "},
		"no duration":            {now: "2026-11-24T10:00:00+01:00", text: "+x", err: "write +90m"},
		"duration back":          {now: "2026-11-24T10:00:00+01:00", text: "+-5m", err: "write +90m"},
		"empty":                  {now: "2026-11-24T10:00:00+01:00", text: "", err: "give 18:00, "},
	}
	madrid, err := LoadZone("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseWhen(c.text, now, madrid)
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: %v, want an error with %q", name, err, c.err)
		case c.err == "" && (err != nil || got.In(madrid).Format(time.RFC3339) != c.want):
			t.Errorf("%s: %v, %v, want %s", name, got, err, c.want)
		}
	}
}

func TestLoadZone(t *testing.T) {
	t.Parallel()
	if _, err := LoadZone("Mars"); err == nil || !strings.Contains(err.Error(), "Europe/Madrid") {
		t.Errorf("error %v", err)
	}
	if loc, err := LoadZone(""); err != nil || loc != time.Local {
		t.Errorf("%v, %v", loc, err)
	}
}
