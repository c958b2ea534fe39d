package client

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forcelogout/forcelogout/messages"
)

// model is what NATS and the workers would have: commands by id, and what has ended.
type model struct {
	now    time.Time
	pauses int // that the present replacement may still have
	open   map[string]Entry
	ended  map[string]messages.Result
	said   map[Shift]map[time.Time]bool // the times that some file or person has given a shift
	out    map[Shift]map[time.Time]int  // the sign-outs
	t      *rapid.T
}

var modelDay = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

func newModel(t *rapid.T) *model {
	return &model{
		now: modelDay.Add(12 * time.Hour), t: t, open: map[string]Entry{}, ended: map[string]messages.Result{},
		said: map[Shift]map[time.Time]bool{}, out: map[Shift]map[time.Time]int{},
	}
}

// file draws the rows of a file: some agents, on two days.
func (m *model) file() []Wanted {
	var rows []Wanted
	agents := rapid.SliceOfNDistinct(rapid.IntRange(0, 9), 1, 10, rapid.ID).Draw(m.t, "agents")
	for line, i := range agents {
		day := modelDay.AddDate(0, 0, i/6)
		at := day.Add(time.Duration(rapid.IntRange(17, 22).Draw(m.t, "hour")) * time.Hour)
		workNo := strconv.Itoa(1001 + i%6)
		rows = append(rows, Wanted{Line: line + 1, Shift: Shift{WorkNo: workNo, Day: day.Format(time.DateOnly)}, Order: Order{
			At: at, Command: messages.Command{WorkNo: workNo, NotBefore: at, ExpiresAt: at.Add(15 * time.Minute)},
		}})
	}
	return rows
}

func (m *model) say(s Shift, at time.Time) {
	if m.said[s] == nil {
		m.said[s] = map[time.Time]bool{}
	}
	m.said[s][at] = true
}

func (m *model) entries() []Entry {
	all := slices.Collect(maps.Values(m.open))
	slices.SortFunc(all, func(a, b Entry) int { return a.Due.Compare(b.Due)*2 + compare(a.Command.ID, b.Command.ID) })
	return all
}

func compare(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

func (m *model) situation(rows []Wanted) situation {
	s := situation{wanted: rows, open: m.entries(), past: map[Shift]past{}, scope: Scope{Dates: true}, loc: time.UTC, now: m.now}
	for _, w := range rows {
		var p past
		for ; ; p.next++ {
			id := w.Shift.commandID(p.next)
			r, ended := m.ended[id]
			if _, open := m.open[id]; !open && !ended {
				break
			}
			if ended && r.Outcome != messages.OutcomeCancelled {
				p.last = &r
			}
		}
		s.past[w.Shift] = p
	}
	return s
}

// pass lets time pass: what is due goes out, or a worker has it in hand until more time
// has passed.
func (m *model) pass(by time.Duration) {
	m.now = m.now.Add(by)
	for _, e := range m.entries() {
		id := e.Command.ID
		if e.Due.After(m.now) {
			continue
		}
		if e.Held && rapid.Bool().Draw(m.t, "in hand") {
			e.Held = false
			m.open[id] = e
			continue
		}
		shift := Shift{WorkNo: e.Command.WorkNo, Day: e.Day(time.UTC)}
		if m.out[shift] == nil {
			m.out[shift] = map[time.Time]int{}
		}
		m.out[shift][e.Due]++
		delete(m.open, id)
		m.ended[id] = messages.Result{ID: id, Outcome: messages.OutcomeSignedOut, NotBefore: e.Due, FinishedAt: m.now}
	}
}

func (m *model) has(s Shift) bool {
	for _, e := range m.open {
		if e.ends(s, time.UTC) {
			return true
		}
	}
	return false
}

// write does one write of a replacement, as the server would. Time may pass, and rarely
// does.
func (m *model) write(do func()) {
	do()
	if m.pauses > 0 && rapid.IntRange(0, 9).Draw(m.t, "pause") == 0 {
		m.pauses--
		m.pass(20 * time.Minute)
	}
}

// replace runs a replacement with at most so many writes, and reports whether it came to
// its end.
func (m *model) replace(rows []Wanted, writes int) bool {
	m.pauses = 2
	var agreed []Shift // with a command, and in the file with a time to come
	for _, w := range rows {
		m.say(w.Shift, w.Order.At)
		if m.has(w.Shift) {
			agreed = append(agreed, w.Shift)
		}
	}
	check := func() {
		for _, s := range agreed {
			if !m.has(s) && len(m.out[s]) == 0 {
				m.t.Fatalf("%v is in both files, and has no command", s)
			}
		}
	}
	for {
		changes := m.situation(rows).decide()
		if !unwritten(changes) {
			for _, c := range changes {
				for _, id := range c.retire {
					if writes--; writes < 0 {
						return false
					}
					m.write(func() { m.withdraw(id) })
					check()
				}
			}
			return true
		}
		for _, moves := range []bool{false, true} {
			for _, c := range changes {
				if c.order == nil || moves == c.From.IsZero() {
					continue
				}
				if writes--; writes < 0 {
					return false
				}
				m.write(func() { m.publish(c) })
				check()
			}
		}
	}
}

// publish does nothing where the id has ended meanwhile, or a worker has it: the ledger
// takes one result for it.
func (m *model) publish(c Change) {
	id := c.order.Command.ID
	_, ended := m.ended[id]
	if e, open := m.open[id]; !ended && (!open || e.Held) {
		m.open[id] = Entry{Command: c.order.Command, Due: c.order.At, Held: true}
	}
}

func (m *model) withdraw(id string) {
	if _, is := m.open[id]; is {
		delete(m.open, id)
		m.ended[id] = messages.Result{ID: id, Outcome: messages.OutcomeCancelled, FinishedAt: m.now}
	}
}

// extend gives one planned command another time, as a person may.
func (m *model) extend() {
	for _, e := range m.entries() {
		if rapid.Bool().Draw(m.t, "this one") {
			e.Due = e.Due.Add(90 * time.Minute)
			e.Command = shifted(e.Command, e.Command.NotBefore, e.Due)
			m.say(Shift{WorkNo: e.Command.WorkNo, Day: e.Day(time.UTC)}, e.Due)
			m.open[e.Command.ID] = e
			return
		}
	}
}

// stands checks that the plan is what the file says, and that the same again does nothing.
func (m *model) stands(rows []Wanted) {
	days := map[string]bool{}
	for _, w := range rows {
		days[w.Shift.Day] = true
		n := 0
		for _, e := range m.open {
			if e.ends(w.Shift, time.UTC) {
				if n++; w.Order.At.After(m.now) && !e.Due.Equal(w.Order.At) {
					m.t.Fatalf("%v: planned for %v, the file says %v", w.Shift, e.Due, w.Order.At)
				}
			}
		}
		if n > 1 || n == 0 && w.Order.At.After(m.now) {
			m.t.Fatalf("%v has %d commands", w.Shift, n)
		}
	}
	named := func(e Entry) bool {
		return slices.ContainsFunc(rows, func(w Wanted) bool { return e.ends(w.Shift, time.UTC) })
	}
	for _, e := range m.open {
		if days[e.Day(time.UTC)] && !named(e) {
			m.t.Fatalf("%+v is planned and not in the file", e)
		}
	}
	for _, c := range m.situation(rows).decide() {
		if c.order != nil || len(c.retire) > 0 || c.Kind != Unchanged && c.Kind != Late {
			m.t.Fatalf("the same file again: %+v", c)
		}
	}
}

// TestLastFileWins: over random sequences of files, cancels, extensions and time, with
// runs that are cut off after any write and started again, the last file that was
// completed is the plan. No agent of both files is without a command in between, and
// nobody is signed out at a time that nobody gave, or twice for one.
func TestLastFileWins(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				m.extend()
			case 1:
				if all := m.entries(); len(all) > 0 {
					m.withdraw(rapid.SampledFrom(all).Draw(t, "withdrawn").Command.ID)
				}
			case 2:
				m.pass(time.Duration(rapid.IntRange(1, 300).Draw(t, "minutes")) * time.Minute)
			default:
				rows := m.file()
				for range rapid.IntRange(0, 3).Draw(t, "crashes") {
					m.replace(rows, rapid.IntRange(0, 12).Draw(t, "writes"))
				}
				if !m.replace(rows, 60) {
					t.Fatal("it has no end")
				}
				m.stands(rows)
			}
		}
		m.pass(72 * time.Hour)
		m.pass(time.Minute)
		for shift, times := range m.out {
			for at, n := range times {
				if n != 1 || !m.said[shift][at] {
					t.Fatalf("%v: %d sign-outs for %v", shift, n, at)
				}
			}
		}
	})
}

// TestDecide: each kind of change.
func TestDecide(t *testing.T) {
	t.Parallel()
	now := modelDay.Add(12 * time.Hour)
	six, eight := modelDay.Add(18*time.Hour), modelDay.Add(20*time.Hour)
	shift := Shift{WorkNo: "30012", Day: "2026-11-25"}
	row := func(at time.Time) []Wanted {
		return []Wanted{{Line: 2, Shift: shift, Order: Order{At: at, Command: messages.Command{WorkNo: "30012", NotBefore: at}}}}
	}
	entry := func(id string, due time.Time, held bool) []Entry {
		return []Entry{{Command: messages.Command{ID: id, WorkNo: "30012", NotBefore: due}, Due: due, Held: held}}
	}
	first, second := shift.commandID(0), shift.commandID(1)
	went := func(at time.Time) map[Shift]past {
		return map[Shift]past{shift: {next: 1, last: &messages.Result{ID: first, Outcome: messages.OutcomeSignedOut, NotBefore: at, FinishedAt: at.Add(time.Second)}}}
	}
	for name, c := range map[string]struct {
		wanted []Wanted
		open   []Entry
		past   map[Shift]past
		now    time.Time
		want   string // kind, id that is published, ids that are withdrawn
	}{
		"new":                         {row(six), nil, nil, now, "new " + first + " []"},
		"unchanged":                   {row(six), entry(first, six, true), nil, now, "unchanged  []"},
		"moved":                       {row(eight), entry(first, six, true), nil, now, "moved " + first + " []"},
		"moved, of a file before":     {row(eight), entry("f-1", six, true), nil, now, "moved f-1 []"},
		"withdrawn":                   {nil, entry(first, six, true), nil, now, "withdrawn  [" + first + "]"},
		"of a person":                 {nil, entry("by-hand", six, true), nil, now, ""},
		"withdrawn and wanted again":  {row(six), nil, map[Shift]past{shift: {next: 1}}, now, "new " + second + " []"},
		"a worker has it":             {row(six), entry(first, six, false), nil, six.Add(time.Minute), "unchanged  []"},
		"a worker has it, later now":  {row(eight), entry(first, six, false), map[Shift]past{shift: {next: 1}}, six.Add(time.Minute), "moved " + second + " [" + first + "]"},
		"went out":                    {row(six), nil, went(six), eight, "unchanged  []"},
		"went out, later now":         {row(eight), nil, went(six), six.Add(time.Minute), "new " + second + " []"},
		"went out, at another time":   {row(eight), nil, went(six), eight, "too late  []"},
		"passed, and nothing planned": {row(six), nil, nil, eight, "too late  []"},
		"passed, and planned later":   {row(six), entry(first, eight, true), nil, six, "too late  []"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scope := Scope{Dates: c.wanted != nil}
			got := ""
			for _, change := range (situation{c.wanted, c.open, c.past, scope, time.UTC, c.now}).decide() {
				id := ""
				if change.order != nil {
					id = change.order.Command.ID
				}
				got += fmt.Sprintf("%s %s %v", change.Kind, id, change.retire)
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestBrake: a file that is cut off withdraws nothing.
func TestBrake(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		brake    Brake
		n, of    int
		stopped  bool
		whatever string
	}{
		{Brake{}, 100, 100, false, "no brake"},
		{Brake{Percent: 20}, 20, 100, false, "at the bound"},
		{Brake{Percent: 20}, 21, 100, true, "above it"},
		{Brake{Percent: 20}, 1, 1, true, "of one"},
		{Brake{Percent: 50, Free: 5}, 5, 5, false, "few"},
		{Brake{Percent: 50, Free: 5}, 6, 6, true, "not few"},
	} {
		changes := make([]Change, c.n)
		for i := range changes {
			changes[i].Kind = Removed
		}
		if err := c.brake.check(changes, c.of); (err != nil) != c.stopped {
			t.Errorf("%s: %v", c.whatever, err)
		}
	}
}

// TestShiftOf: what tells one shift from another.
func TestShiftOf(t *testing.T) {
	t.Parallel()
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	night := time.Date(2026, 11, 25, 23, 30, 0, 0, time.UTC) // 00:30 in Madrid
	for name, c := range map[string]struct {
		command messages.Command
		want    Shift
	}{
		"by its time":         {messages.Command{WorkNo: "30012"}, Shift{"30012", "2026-11-26", ""}},
		"by its start":        {messages.Command{WorkNo: "30012", SignedInBefore: night.Add(-8 * time.Hour)}, Shift{"30012", "2026-11-25", ""}},
		"a start days before": {messages.Command{WorkNo: "30012", SignedInBefore: night.Add(-80 * time.Hour)}, Shift{"30012", "2026-11-26", ""}},
		"by its name":         {messages.Command{WorkNo: "30012", Meta: map[string]string{"Shift_ID": "S-18"}}, Shift{"30012", "2026-11-26", "S-18"}},
	} {
		got := ShiftOf(c.command, night, madrid)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if id, is := readPlanID(got.commandID(12)); !is || id.day != got.Day || id.name != got.name() || id.revision != 12 || messages.ValidateID(got.commandID(12)) != nil {
			t.Errorf("%s: id %s", name, got.commandID(12))
		}
	}
	named, moved := Shift{"30012", "2026-11-25", "S-18"}, Shift{"30012", "2026-11-26", "S-18"}
	if named.name() != moved.name() || named.name() == (Shift{"30012", "2026-11-25", ""}).name() {
		t.Error("a shift's name does not make it")
	}
}
