package client

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Wanted is a row of a shift file.
type Wanted struct {
	Line  int
	Shift Shift
	Alone Shift // what ShiftOf tells of the command alone, where that knows less than the row; zero: Shift
	Order Order // with a time; the id is that of the shift
}

// endedBy reports whether a command ends the row's shift. One that was sent without a plan
// does not tell more than the command alone.
func (w Wanted) endedBy(e Entry, loc *time.Location) bool {
	if _, planned := readPlanID(e.Command.ID); planned || w.Alone == (Shift{}) {
		return e.ends(w.Shift, loc)
	}
	return e.ends(w.Alone, loc)
}

// Scope says what a file speaks for. What is planned there and is not in the file is
// withdrawn.
type Scope struct {
	Dates bool              // only the days that the file has shifts on
	Meta  map[string]string // only commands with all of these
}

func (s Scope) hasMeta(c messages.Command) bool {
	for name, value := range s.Meta {
		if c.Meta[name] != value {
			return false
		}
	}
	return true
}

// Kind is what a replacement does about one shift.
type Kind string

// The kinds.
const (
	Added     Kind = "new"
	Moved     Kind = "moved"
	Updated   Kind = "updated" // the same time, and something else is new
	Removed   Kind = "withdrawn"
	Unchanged Kind = "unchanged"
	Late      Kind = "too late" // the row's time has passed, or the withdrawn command went out
	Unsure    Kind = "undecided"
)

// Kinds are all kinds, as they are listed.
func Kinds() []Kind { return []Kind{Added, Moved, Updated, Removed, Unchanged, Late, Unsure} }

// Change is what a replacement does about one shift.
type Change struct {
	Kind     Kind
	Line     int    // of the file; 0 for what is not in the file
	ID       string // of the command; "" where there is none
	WorkNo   string
	Day      string
	From, To time.Time // what was planned and what is; zero for nothing
	Why      string    // for people, "" where the rest says it all

	order  *Order   // to publish
	retire []string // ids to withdraw after that
}

// situation is what a decision is made of.
type situation struct {
	wanted []Wanted
	open   []Entry
	past   map[Shift]past
	scope  Scope
	loc    *time.Location
	now    time.Time
}

// decide says what has to be done, so that what is planned is what the file says. A move
// is one write. What is new is written first and what is withdrawn last, so that an agent
// whom both files name has a command after each write. Nothing is decided that an earlier
// run, which was cut off after any write, has done already.
func (s situation) decide() []Change {
	changes := make([]Change, 0, len(s.wanted))
	open, spokenFor, days := byAgent(s.open), map[string]bool{}, s.days()
	for _, w := range s.wanted {
		var ours []Entry
		for _, e := range open[w.Shift.WorkNo] {
			if w.endedBy(e, s.loc) && !spokenFor[e.Command.ID] {
				spokenFor[e.Command.ID] = true
				ours = append(ours, e)
			}
		}
		changes = append(changes, s.settle(w, ours))
	}
	for _, e := range s.open {
		if !spokenFor[e.Command.ID] && s.covers(e, days) {
			changes = append(changes, Change{
				Kind: Removed, ID: e.Command.ID, WorkNo: e.Command.WorkNo, Day: e.Day(s.loc), From: e.Due, retire: []string{e.Command.ID},
			})
		}
	}
	return changes
}

// covers reports whether the file speaks for a command.
func (s situation) covers(e Entry, days map[string]bool) bool {
	return e.FromFile() && s.scope.hasMeta(e.Command) && (!s.scope.Dates || days[e.Day(s.loc)])
}

// days are those that the file has shifts on.
func (s situation) days() map[string]bool {
	days := map[string]bool{}
	for _, w := range s.wanted {
		days[w.Shift.Day] = true
	}
	return days
}

// inScope is how many commands the file speaks for.
func (s situation) inScope() int {
	n, days := 0, s.days()
	for _, e := range s.open {
		if s.covers(e, days) {
			n++
		}
	}
	return n
}

// settle decides about a row. Ours are the commands of the shift that have not ended.
func (s situation) settle(w Wanted, ours []Entry) Change {
	change := Change{Line: w.Line, WorkNo: w.Shift.WorkNo, Day: w.Shift.Day, To: w.Order.At}
	passed := !w.Order.At.After(s.now)
	kept, others := keep(w, ours)
	if kept == nil {
		s.unplanned(w, passed, &change)
		return change
	}
	change.ID, change.From = kept.Command.ID, kept.Due
	for _, e := range others {
		change.retire = append(change.retire, e.Command.ID)
	}
	same := kept.Due.Equal(w.Order.At)
	switch {
	case same && (!kept.Held || passed || standsFor(kept.Command, w.Order)):
		change.Kind = Unchanged
	case passed:
		// No agent loses the command that they have for one that cannot be.
		change.Kind, change.To, change.Why = Late, kept.Due, "the row's time has passed, what was planned stays"
	case kept.movable(w.Shift):
		change.Kind = Moved
		if same {
			change.Kind = Updated
		}
		change.publish(w.Order, kept.Command.ID)
	default: // a worker may have it, or its id is another day's
		change.Kind, change.retire = Moved, append(change.retire, kept.Command.ID)
		change.publish(w.Order, w.Shift.commandID(s.past[w.Shift].next))
	}
	return change
}

// unplanned decides about a row of whose shift nothing is open.
func (s situation) unplanned(w Wanted, passed bool, change *Change) {
	p := s.past[w.Shift]
	ended := ""
	if p.last != nil {
		ended = fmt.Sprintf("%s at %s", p.last.Outcome, p.last.FinishedAt.In(s.loc).Format(time.DateTime))
	}
	switch {
	case !passed:
		change.Kind = Added
		if ended != "" {
			change.Why = "an earlier command of the shift: " + ended
		}
		change.publish(w.Order, w.Shift.commandID(p.next))
	case p.last != nil && wasFor(p.last, w.Order.At):
		change.Kind, change.ID, change.From, change.Why = Unchanged, p.last.ID, w.Order.At, ended
	default:
		change.Kind, change.To, change.Why = Late, time.Time{}, "the row's time has passed, and nothing was planned"
		if ended != "" {
			change.Why = "the row's time has passed, and another was planned: " + ended
		}
	}
}

// wasFor reports whether a command that has ended was planned for a time. Results of
// earlier versions do not say it: then it was not for a later time than it ended at. The
// times of a result have milliseconds.
func wasFor(r *messages.Result, at time.Time) bool {
	if r.NotBefore.IsZero() {
		return !r.FinishedAt.Before(at)
	}
	return r.NotBefore.Equal(at.Truncate(time.Millisecond))
}

// keep chooses the command of a shift that stays: one whose time is as wanted, or else
// the newest that can be moved. It is nil where there is none.
func keep(w Wanted, ours []Entry) (kept *Entry, others []Entry) {
	if len(ours) == 0 {
		return nil, nil
	}
	rank := func(e Entry) int {
		switch {
		case e.Due.Equal(w.Order.At):
			return 2
		case e.movable(w.Shift):
			return 1
		}
		return 0
	}
	slices.SortStableFunc(ours, func(a, b Entry) int {
		return cmp.Or(rank(b)-rank(a), b.revision()-a.revision())
	})
	return &ours[0], ours[1:]
}

// movable reports whether a new order under the command's id takes its place. A worker
// may have what NATS does not hold, and a plan's id has the day in it.
func (e Entry) movable(s Shift) bool {
	id, is := readPlanID(e.Command.ID)
	return e.Held && (!is || id.day == s.Day)
}

// standsFor reports whether a command does what an order asks for, whoever asked.
func standsFor(c messages.Command, o Order) bool {
	want := o.Command
	want.ID = c.ID
	if want.NotBefore.Before(o.At) {
		want.NotBefore = o.At
	}
	return same(c, want) && maps.Equal(c.Meta, want.Meta)
}

func (c *Change) publish(o Order, id string) {
	o.Command.ID = id
	c.ID, c.order = id, &o
}

// ErrShiftTwice: a file has two rows with different times for one shift.
var ErrShiftTwice = errors.New("the file has two times for one shift: leave one out, or give each shift a name of its own in a column shiftId")

// ErrOutside: a file has a row that it does not speak for.
var ErrOutside = errors.New("the row is outside of what the file is to replace")

// once checks rows and leaves out those that say the same again.
func once(rows []Wanted, scope Scope) ([]Wanted, error) {
	seen := make(map[string]Wanted, len(rows))
	left := make([]Wanted, 0, len(rows))
	var problems []error
	for _, w := range rows {
		name := w.Shift.WorkNo + w.Shift.name()
		first, twice := seen[name]
		switch {
		case w.Order.At.IsZero():
			problems = append(problems, fmt.Errorf("line %d: agent %s has no time", w.Line, w.Shift.WorkNo))
		case !scope.hasMeta(w.Order.Command):
			problems = append(problems, fmt.Errorf("line %d: agent %s: %w", w.Line, w.Shift.WorkNo, ErrOutside))
		case twice && !first.Order.At.Equal(w.Order.At):
			problems = append(problems, fmt.Errorf("lines %d and %d: agent %s on %s: %w", first.Line, w.Line, w.Shift.WorkNo, w.Shift.Day, ErrShiftTwice))
		case !twice:
			seen[name] = w
			left = append(left, w)
		}
	}
	const most = 20
	if n := len(problems); n > most {
		problems = append(slices.Clip(problems[:most]), fmt.Errorf("and %d more", n-most))
	}
	return left, errors.Join(problems...)
}
