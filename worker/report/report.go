package report

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

// Query says what to report.
type Query struct {
	Day  Day
	VCC  string // "" for all
	Keys Keys
}

// Report is a day as NATS has it.
type Report struct {
	Query
	Rows       []Row     // by planned time
	AsOf       time.Time // when it was read
	KeptSince  time.Time // results stored before may have been removed for their age; zero where none was
	Unreadable int       // messages of the day that are no results
}

// Read reads the report of a day. It returns everything that NATS has of the day, or an
// error. It keeps the results of the day in memory and no others.
func Read(ctx context.Context, c *client.Client, q Query) (Report, error) {
	r := Report{Query: q, AsOf: time.Now()}
	since, err := c.History(ctx, r.add)
	if err != nil {
		return Report{}, fmt.Errorf("reading the report: %w", err)
	}
	r.KeptSince = since
	r.sort()
	return r, nil
}

// Of is the report of a day that had these results.
func Of(q Query, all ...client.Past) Report {
	r := Report{Query: q, AsOf: time.Now()}
	for _, p := range all {
		r.add(p)
	}
	r.sort()
	return r
}

func (r *Report) add(p client.Past) {
	if p.Err != nil {
		if r.Day.Has(p.StoredAt) {
			r.Unreadable++
		}
		return
	}
	if r.VCC != "" && p.VCC != r.VCC {
		return
	}
	if row := NewRow(p.Result, p.StoredAt, r.Keys); r.Day.Has(row.At) {
		r.Rows = append(r.Rows, row)
	}
}

func (r *Report) sort() {
	slices.SortFunc(r.Rows, func(a, b Row) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.VCC, b.VCC), cmp.Compare(len(a.WorkNo), len(b.WorkNo)),
			cmp.Compare(a.WorkNo, b.WorkNo), a.Ended.Compare(b.Ended), cmp.Compare(a.ID, b.ID))
	})
}

// Notes say what a reader must know about the report as a whole.
func (r Report) Notes() []string {
	var notes []string
	switch {
	case r.AsOf.Before(r.Day.From):
		notes = append(notes, "The day has not begun. What is still planned has no result, and is not in here.")
	case r.AsOf.Before(r.Day.To):
		notes = append(notes, "The day is not over. What is still planned or under way has no result, and is not in here.")
	}
	return append(notes, r.Gaps()...)
}

// Gaps say what of the day may be missing; none where the report has everything.
func (r Report) Gaps() []string {
	var gaps []string
	if r.KeptSince.After(r.Day.From) {
		gaps = append(gaps, fmt.Sprintf("Results from before %s have been removed for their age: the day is not whole any more.",
			r.KeptSince.In(r.Day.From.Location()).Format("2006-01-02 15:04 MST")))
	}
	if r.Unreadable > 0 {
		gaps = append(gaps, fmt.Sprintf("%d of the day's messages in the stream of results cannot be read as a result.", r.Unreadable))
	}
	return gaps
}

// Agents is how many agents the report is about.
func (r Report) Agents() int {
	type agent struct{ vcc, workNo string }
	all := map[agent]bool{}
	for _, row := range r.Rows {
		all[agent{row.VCC, row.WorkNo}] = true
	}
	return len(all)
}

// VCCs are the VCCs of the rows.
func (r Report) VCCs() []string {
	all := map[string]bool{}
	for _, row := range r.Rows {
		all[row.VCC] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// Total counts rows.
type Total struct {
	VCC, Shift string // of a total by shift
	All        int
	Classes    map[Class]int
	Outcomes   map[messages.Outcome]int
}

func newTotal() *Total {
	return &Total{Classes: map[Class]int{}, Outcomes: map[messages.Outcome]int{}}
}

func (t *Total) add(row Row) {
	t.All++
	t.Classes[row.Class()]++
	t.Outcomes[row.Outcome]++
}

// Total is the total of the day.
func (r Report) Total() Total {
	t := newTotal()
	for _, row := range r.Rows {
		t.add(row)
	}
	return *t
}

// Outcomes are those that occur, in the contract's order, and then what this version does
// not know.
func (r Report) Outcomes() []messages.Outcome {
	left := maps.Clone(r.Total().Outcomes)
	var all []messages.Outcome
	for _, outcome := range messages.Outcomes() {
		if left[outcome] > 0 {
			all = append(all, outcome)
			delete(left, outcome)
		}
	}
	return append(all, slices.Sorted(maps.Keys(left))...)
}

// Shifts are the totals by VCC and shift, those without a shift last.
func (r Report) Shifts() []Total {
	type shift struct{ vcc, name string }
	by := map[shift]*Total{}
	for _, row := range r.Rows {
		key := shift{row.VCC, row.Shift}
		if by[key] == nil {
			by[key] = newTotal()
			by[key].VCC, by[key].Shift = row.VCC, row.Shift
		}
		by[key].add(row)
	}
	all := make([]Total, 0, len(by))
	for _, t := range by {
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b Total) int {
		if a.VCC == b.VCC && (a.Shift == "") != (b.Shift == "") {
			return cmp.Compare(b.Shift, a.Shift)
		}
		return cmp.Or(cmp.Compare(a.VCC, b.VCC), cmp.Compare(a.Shift, b.Shift))
	})
	return all
}

// has reports whether any row has a text, so that a column is worth its place.
func (r Report) has(text func(Row) string) bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool { return text(row) != "" })
}
