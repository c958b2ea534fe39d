package cli

import (
	"fmt"
	"hash/maphash"
	"io"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/worker/shift"
)

// shown is how many lines of a kind go to the terminal.
const shown = 20

// plan is what a shift file asks for, as a person checks it before it is sent. Of each
// row it keeps who is signed out on which day, in 16 bytes.
type plan struct {
	loc         *time.Location
	whose       string // who said so
	seen        *shift.Seen
	total, now  int
	zoned       int // rows with a zone of their own
	overnight   int // rows that end on another day than they start
	first, last time.Time
	seed        maphash.Seed
	days        map[uint64]int // line by VCC, agent and day
	twice       []string
	twiceAll    int
	clock       []string
	clockAll    int
}

func newPlan(d shift.Defaults, whose string) *plan {
	return &plan{loc: d.Loc, whose: whose, seen: d.Rules.Seen, seed: maphash.MakeSeed(), days: map[uint64]int{}}
}

// add looks at one more row.
func (p *plan) add(row shift.Row) {
	p.total++
	at := row.Command.NotBefore
	day := at
	if at.IsZero() {
		p.now++
		day = row.Command.IssuedAt
	} else {
		if p.first.IsZero() || at.Before(p.first) {
			p.first = at
		}
		if at.After(p.last) {
			p.last = at
		}
	}
	loc := p.loc
	if row.Loc != nil && row.Loc.String() != p.loc.String() {
		loc = row.Loc
		p.zoned++
	}
	if !row.Start.IsZero() && row.Start.In(loc).YearDay() != at.In(loc).YearDay() {
		p.overnight++
	}
	if row.Clock != "" {
		p.clockAll++
		if len(p.clock) < shown {
			p.clock = append(p.clock, fmt.Sprintf("line %d, %s: %s", row.Line, row.Command.WorkNo, row.Clock))
		}
	}
	key := maphash.String(p.seed, row.VCC+"\x00"+row.Command.WorkNo+"\x00"+day.In(loc).Format(time.DateOnly))
	before, there := p.days[key]
	if !there {
		p.days[key] = row.Line
		return
	}
	p.twiceAll++
	if len(p.twice) < shown {
		p.twice = append(p.twice, fmt.Sprintf("agent %s is named twice for one day: lines %d and %d", row.Command.WorkNo, before, row.Line))
	}
}

// tell writes it down.
func (p *plan) tell(out io.Writer) {
	line := func(format string, args ...any) { fmt.Fprintln(out, console.Printable(fmt.Sprintf(format, args...))) }
	if !p.first.IsZero() {
		line("%s, from %s to %s, zone %s (%s)", console.Plural(p.total-p.now, "command"), p.first.In(p.loc).Format("2006-01-02 15:04"),
			p.last.In(p.loc).Format("2006-01-02 15:04"), p.loc, p.whose)
	}
	if p.now > 0 {
		line("%s for at once", console.Plural(p.now, "command"))
	}
	if p.zoned > 0 {
		line("%s with another zone, from the file", console.Plural(p.zoned, "row"))
	}
	if p.overnight > 0 {
		line("%s over midnight", console.Plural(p.overnight, "shift"))
	}
	if len(p.seen.Columns) > 0 {
		line("columns: %s", strings.Join(p.seen.Columns, ", "))
	}
	for _, left := range []struct {
		n   int
		why string
	}{{p.seen.Empty, "left out, without any content"}, {p.seen.Blank, "left out for a blank time (--blank skip)"}, {p.seen.LeftOut, "left out by --where"}, {p.seen.MetaCut, "with meta that was cut or cleaned"}} {
		if left.n > 0 {
			line("%s %s", console.Plural(left.n, "row"), left.why)
		}
	}
	for _, list := range []struct {
		lines []string
		all   int
	}{{p.twice, p.twiceAll}, {p.clock, p.clockAll}} {
		for _, text := range list.lines {
			line("%s", text)
		}
		if more := list.all - len(list.lines); more > 0 {
			line("and %d more like that", more)
		}
	}
}
