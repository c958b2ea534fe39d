package report

import (
	_ "embed"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/forcelogout/forcelogout/messages"
)

//go:embed report.html.tmpl
var page string

// HTML writes the report as one file that asks nobody for anything: no script, and style
// and drawing within it. Whatever comes from outside is escaped by html/template.
func HTML(w io.Writer, r Report) error {
	t, err := template.New("report").Funcs(template.FuncMap{"class": className}).Parse(page)
	if err != nil {
		return err
	}
	r.VCC, r.Rows = plain(r.VCC), slices.Clone(r.Rows)
	for i := range r.Rows {
		r.Rows[i] = r.Rows[i].plain()
	}
	return t.Execute(w, view{Report: r, Plot: r.plot(), Sum: r.Total()})
}

// view is what the page shows.
type view struct {
	Report
	Plot *plot
	Sum  Total
}

// Date is the day in words.
func (v view) Date() string { return v.Day.Date.Format("Monday, 2 January 2006") }

// Span is from when to when the day lasts.
func (v view) Span() string {
	return v.Day.From.Format("2006-01-02 15:04 MST") + " to " + v.Day.To.Format("2006-01-02 15:04 MST")
}

// Read is when the report was read.
func (v view) Read() string {
	return v.AsOf.In(v.Day.From.Location()).Format("2006-01-02 15:04:05 MST")
}

// Machine is a time for machines.
func (v view) Machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Planned is when a row was planned for.
func (v view) Planned(row Row) string {
	if row.NotBefore.IsZero() {
		return "at once"
	}
	return v.Day.Minute(row.NotBefore)
}

// Missed are the rows of who may be signed in: still, or again.
func (v view) Missed() []Row {
	var rows []Row
	for _, row := range v.Rows {
		if row.Class() == Missed || row.Returned != nil && *row.Returned {
			rows = append(rows, row)
		}
	}
	return rows
}

// ShowVCC and its like say which columns are worth their place.
func (v view) ShowVCC() bool    { return len(v.VCCs()) > 1 }
func (v view) ShowName() bool   { return v.has(func(r Row) string { return r.Name }) }
func (v view) ShowTeam() bool   { return v.has(func(r Row) string { return r.Team }) }
func (v view) ShowShift() bool  { return v.has(func(r Row) string { return r.Shift }) }
func (v view) ShowBefore() bool { return v.has(Row.Before) }
func (v view) ShowSeen() bool   { return v.has(Row.Seen) }
func (v view) ShowAsked() bool  { return v.has(Row.Asked) }

// plain is the row with all its texts plain.
func (r Row) plain() Row {
	for _, text := range []*string{&r.VCC, &r.WorkNo, &r.Inspector, &r.Reason, &r.RequestedBy, &r.Error, &r.Name, &r.Team, &r.Shift} {
		*text = plain(*text)
	}
	r.AgentState = messages.AgentState(plain(string(r.AgentState)))
	r.Outcome, r.Cause = messages.Outcome(plain(string(r.Outcome))), messages.Cause(plain(string(r.Cause)))
	return r
}

// plain shows what would turn the direction of a text, or not be seen at all, so that no
// name passes for another one. The page isolates each text besides.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, unicode.IsControl(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
