package console

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/forcelogout/forcelogout/worker/report"
)

// Report is the forced-logout report of a day for a terminal: a line for each result,
// below it what the line has no room for, and the totals. No line is longer than width
// columns, as far as words allow.
func Report(out io.Writer, r report.Report, width int) error {
	w := &reportText{width: width}
	w.head(r)
	w.rows(r, painter(Colored(out)))
	w.totals(r)
	_, err := io.WriteString(out, w.String())
	return err
}

type reportText struct {
	strings.Builder
	width int
}

// say writes a text in as many lines as it needs; all but the first are set in.
func (w *reportText) say(indent int, text string) {
	line, used := "", 0
	for word := range strings.FieldsSeq(Printable(text)) {
		size := uniseg.StringWidth(word)
		switch {
		case line == "":
			line, used = word, size
		case used+1+size <= w.width:
			line, used = line+" "+word, used+1+size
		default:
			w.WriteString(line + "\n")
			line, used = strings.Repeat(" ", indent)+word, indent+size
		}
	}
	w.WriteString(line + "\n")
}

func (w *reportText) head(r report.Report) {
	of := ""
	if r.VCC != "" {
		of = " in " + r.VCC
	}
	w.say(2, fmt.Sprintf("Forced sign-outs of %s%s, by the clock of %s", r.Day.Date.Format("Mon 2 Jan 2006"), of, r.Day.Zone()))
	for _, note := range r.Notes() {
		w.say(2, "Note: "+note)
	}
}

// column is a column of the table; narrow ones give way last.
type column struct {
	head  string
	cell  func(report.Row) string
	gives bool // may be cut where the table is too wide
	wide  int
}

func columnsOf(r report.Report) []column {
	all := []column{
		{head: "planned", cell: func(row report.Row) string {
			if row.NotBefore.IsZero() {
				return "at once"
			}
			return r.Day.Minute(row.NotBefore)
		}},
		{head: "ended", cell: func(row report.Row) string { return r.Day.Clock(row.Ended) }},
		{head: "vcc", cell: func(row report.Row) string { return row.VCC }, gives: true},
		{head: "agent", cell: func(row report.Row) string { return row.WorkNo }},
		{head: "name", cell: func(row report.Row) string { return row.Name }, gives: true},
		{head: "team", cell: func(row report.Row) string { return row.Team }, gives: true},
		{head: "shift", cell: func(row report.Row) string { return row.Shift }, gives: true},
		{head: "outcome", cell: func(row report.Row) string { return row.Class().Mark() + " " + row.Outcome.Words() }},
	}
	var shown []column
	for _, c := range all {
		most := 0
		for _, row := range r.Rows {
			most = max(most, uniseg.StringWidth(Printable(c.cell(row))))
		}
		if most == 0 || c.head == "vcc" && len(r.VCCs()) < 2 {
			continue
		}
		c.wide = max(most, len(c.head))
		shown = append(shown, c)
	}
	return shown
}

// fit takes columns from the widest until the table is as wide as it may be.
func fit(columns []column, width int) {
	const least = 5
	total := 2 * (len(columns) - 1)
	for _, c := range columns {
		total += c.wide
	}
	for ; total > width; total-- {
		widest := -1
		for i, c := range columns {
			if c.gives && c.wide > least && (widest < 0 || c.wide > columns[widest].wide) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		columns[widest].wide--
	}
}

func (w *reportText) rows(r report.Report, paint painter) {
	if len(r.Rows) == 0 {
		w.WriteString("\nNo sign-out of this day has ended.\n")
		return
	}
	usual := usualFacts(r)
	if said := slices.DeleteFunc(slices.Clone(usual[:]), func(fact string) bool { return fact == "" }); len(said) > 0 {
		w.say(2, "Where nothing else is said: "+strings.Join(said, "; "))
	}
	columns := columnsOf(r)
	fit(columns, w.width)
	w.WriteString("\n")
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i] = pad(c.head, c.wide)
	}
	w.WriteString(strings.TrimRight(strings.Join(heads, "  "), " ") + "\n")
	for _, row := range r.Rows {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = pad(Printable(c.cell(row)), c.wide)
		}
		last := len(cells) - 1
		begin, words, more := strings.Join(cells[:last], "  ")+"  ", cells[last], details(row, usual)
		short := begin + paint.by(row.Outcome, strings.TrimRight(words, " "))
		switch {
		case more == "":
			w.WriteString(short + "\n")
		case uniseg.StringWidth(begin+words)+2+uniseg.StringWidth(more) <= w.width:
			w.WriteString(begin + paint.by(row.Outcome, words) + "  " + more + "\n")
		default:
			below := reportText{width: w.width - 2}
			below.say(2, more)
			w.WriteString(short + "\n  " + strings.ReplaceAll(strings.TrimRight(below.String(), "\n"), "\n", "\n  ") + "\n")
		}
	}
}

const beforeCall = "before: "

// facts are what the table has no column for: calls, inspector, whether the sign-out was
// seen, who asked, and what the agent was doing before. An empty one says nothing about the row.
func facts(row report.Row) [5]string {
	f := [5]string{"no call"}
	if row.Attempts != 0 {
		f[0] = Plural(row.Attempts, "call")
	}
	if row.Inspector != "" {
		f[1] = "inspector " + row.Inspector
	} else if row.Attempts > 0 {
		f[1] = "inspector unknown"
	}
	switch {
	case row.Seen() != "":
		f[2] = "sign-out " + row.Seen()
	case row.Class() == report.Done && row.Attempts > 0:
		f[2] = "nobody looked whether they are signed out"
	}
	switch {
	case row.RequestedBy != "":
		f[3] = "asked by " + row.Asked()
	case row.Reason != "":
		f[3] = "reason: " + row.Reason
	default:
		f[3] = "nobody said who asked"
	}
	if row.Before() != "" {
		f[4] = beforeCall + row.Before()
	}
	return f
}

// usualFacts are the facts that hold most often: they are said once.
func usualFacts(r report.Report) (usual [5]string) {
	var counts [len(usual)]map[string]int
	for i := range counts {
		counts[i] = map[string]int{}
	}
	for _, row := range r.Rows {
		for i, fact := range facts(row) {
			counts[i][fact]++
		}
	}
	for i, facts := range counts {
		most := 1 // what holds once is said there
		for _, fact := range slices.Sorted(maps.Keys(facts)) {
			if fact != "" && facts[fact] > most {
				usual[i], most = fact, facts[fact]
			}
		}
	}
	return usual
}

// details say why an agent is not signed out, and what is not as usual.
func details(row report.Row, usual [5]string) string {
	var all []string
	if why := row.Why(); why != "" {
		all = append(all, why)
	}
	for i, fact := range facts(row) {
		switch {
		case fact != "" && fact != usual[i]:
			all = append(all, fact)
		case fact == "" && strings.HasPrefix(usual[i], beforeCall):
			all = append(all, beforeCall+"nobody asked")
		}
	}
	return Printable(strings.Join(all, "; "))
}

func (w *reportText) totals(r report.Report) {
	if len(r.Rows) == 0 {
		return
	}
	w.WriteString("\n")
	sum := r.Total()
	text := fmt.Sprintf("%s of %s", Plural(sum.All, "sign-out"), Plural(r.Agents(), "agent"))
	mark := ": "
	for _, class := range report.Classes() {
		if n := sum.Classes[class]; n > 0 {
			text += fmt.Sprintf("%s%d %s", mark, n, class.Words())
			mark = ", "
		}
	}
	w.say(2, text)
	for _, t := range r.Shifts() {
		name := "shift " + t.Shift
		if t.Shift == "" {
			name = "no shift given"
		}
		if len(r.VCCs()) > 1 {
			name = t.VCC + ", " + name
		}
		var parts []string
		for _, outcome := range r.Outcomes() {
			if n := t.Outcomes[outcome]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, outcome.Words()))
			}
		}
		w.say(4, fmt.Sprintf("%s: %d (%s)", name, t.All, strings.Join(parts, ", ")))
	}
}

// pad makes a text as wide as it should be: it is cut, or filled up.
func pad(text string, width int) string {
	size := uniseg.StringWidth(text)
	if size <= width {
		return text + strings.Repeat(" ", width-size)
	}
	var cut strings.Builder
	used := 0
	for rest, state := text, -1; rest != ""; {
		var cluster string
		var wide int
		cluster, rest, wide, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if used+wide > width-1 {
			break
		}
		cut.WriteString(cluster)
		used += wide
	}
	return cut.String() + "…" + strings.Repeat(" ", max(0, width-1-used))
}
