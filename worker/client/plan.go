package client

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// Entry is a command that has not ended and was not withdrawn: somebody will be signed
// out.
type Entry struct {
	Command messages.Command
	Due     time.Time // a command for at once is due when the stream took it
	Held    bool      // NATS holds it until its time, and so it can be moved
}

// FromFile reports whether a shift file made the command. A replacement leaves others
// alone.
func (e Entry) FromFile() bool {
	_, is := readPlanID(e.Command.ID)
	return is || strings.HasPrefix(e.Command.ID, "f-")
}

// Day is the day of the shift, as 2026-11-25: what the id says, or else the day of the
// command.
func (e Entry) Day(loc *time.Location) string {
	if id, is := readPlanID(e.Command.ID); is {
		return id.day
	}
	return ShiftOf(e.Command, e.Due, loc).Day
}

// ends reports whether the command ends the shift.
func (e Entry) ends(s Shift, loc *time.Location) bool {
	if e.Command.WorkNo != s.WorkNo {
		return false
	}
	if id, is := readPlanID(e.Command.ID); is {
		return id.name == s.name()
	}
	return e.FromFile() && ShiftOf(e.Command, e.Due, loc).name() == s.name()
}

// revision is the command's among those of its shift.
func (e Entry) revision() int {
	id, is := readPlanID(e.Command.ID)
	if !is {
		return -1
	}
	return id.revision
}

// Plan reads who will be signed out when, the earliest first.
func (c *Client) Plan(ctx context.Context, vcc string) ([]Entry, error) {
	if err := messages.ValidateVCC(vcc); err != nil {
		return nil, err
	}
	w := withdrawing{Client: c, vcc: vcc}
	var all []Entry
	at := map[string]int{} // the entry of an id
	add := func(e Entry) {
		i, there := at[e.Command.ID]
		switch {
		case !there:
			at[e.Command.ID] = len(all)
			all = append(all, e)
		case all[i].Held && !e.Held:
			all[i] = e // workers take this one, and then not the other
		}
	}
	// Those that NATS holds come first, so that a command whose time comes meanwhile is
	// met among those that wait.
	err := c.payloads(ctx, c.names.Commands, c.prefix.Schedule(vcc, messages.AnyToken), func(data []byte) {
		if command, err := messages.DecodeCommand(data); err == nil {
			add(Entry{Command: command, Due: command.NotBefore, Held: true})
		}
	})
	if err != nil {
		return nil, err
	}
	err = w.waiting(ctx, func(command messages.Command, msg jetstream.RawStreamMsg) bool {
		due := command.NotBefore
		if due.IsZero() {
			due = msg.Time
		}
		add(Entry{Command: command, Due: due})
		return true
	})
	if err != nil {
		return nil, err
	}
	all, err = w.standing(ctx, all)
	slices.SortStableFunc(all, func(a, b Entry) int {
		return cmp.Or(a.Due.Compare(b.Due), strings.Compare(a.Command.WorkNo, b.Command.WorkNo))
	})
	return all, err
}

// standing leaves out the commands that have ended or were withdrawn, and looks again at
// what NATS holds.
func (w *withdrawing) standing(ctx context.Context, all []Entry) (left []Entry, err error) {
	for some := range slices.Chunk(all, chunk) {
		targets := make([]target, len(some))
		for i, e := range some {
			targets[i] = target{key{w.vcc, e.Command.ID}, e.Command.WorkNo}
		}
		found, err := w.look(ctx, targets)
		if err != nil {
			return nil, err
		}
		for _, e := range some {
			f := found[key{w.vcc, e.Command.ID}]
			if f.result != nil || f.note.Cancelled != nil {
				continue
			}
			if e.Held = e.Held && f.held != nil; e.Held {
				e.Command, e.Due = *f.held, f.held.NotBefore
			}
			if e.Due.IsZero() {
				if e.Due, err = w.heldUntil(ctx, e.Command.ID); err != nil {
					return nil, err
				}
			}
			left = append(left, e)
		}
	}
	return left, nil
}

// past is what is known of the commands of a shift that have ended.
type past struct {
	next int              // the first revision of which nothing is known
	last *messages.Result // of the last one that was not withdrawn; nil for none
}

// pasts finds the past of each shift. Open are the ids that have not ended.
func (c *Client) pasts(ctx context.Context, vcc string, shifts []Shift, open map[string]bool) (map[Shift]past, error) {
	found := make(map[Shift]past, len(shifts))
	for todo := shifts; len(todo) > 0; {
		var again []Shift
		for some := range slices.Chunk(todo, chunk) {
			more, err := c.pastsOf(ctx, vcc, some, open, found)
			if err != nil {
				return nil, err
			}
			again = append(again, more...)
		}
		todo = again
	}
	return found, nil
}

// pastsOf looks at the next revision of each shift, and returns the shifts that may have
// another.
func (c *Client) pastsOf(ctx context.Context, vcc string, shifts []Shift, open map[string]bool, found map[Shift]past) (again []Shift, err error) {
	targets := make([]target, len(shifts))
	for i, s := range shifts {
		targets[i] = target{key{vcc, s.commandID(found[s].next)}, s.WorkNo}
	}
	facts, err := c.look(ctx, targets)
	if err != nil {
		return nil, err
	}
	for i, s := range shifts {
		p, f := found[s], facts[targets[i].key]
		if f.result != nil && f.result.Outcome != messages.OutcomeCancelled {
			p.last = f.result
		}
		if f.result != nil || f.note.Cancelled != nil || f.held != nil || open[targets[i].id] {
			p.next++
			again = append(again, s)
		}
		found[s] = p
	}
	return again, nil
}

// known reads what is planned, and the past of the rows' shifts.
func (c *Client) known(ctx context.Context, vcc string, rows []Wanted) (plan []Entry, past map[Shift]past, err error) {
	plan, err = c.Plan(ctx, vcc)
	if err != nil {
		return nil, nil, err
	}
	open := make(map[string]bool, len(plan))
	for _, e := range plan {
		open[e.Command.ID] = true
	}
	shifts := make([]Shift, len(rows))
	for i, w := range rows {
		shifts[i] = w.Shift
	}
	past, err = c.pasts(ctx, vcc, shifts, open)
	return plan, past, err
}

// byAgent sorts a plan by whom it is about.
func byAgent(plan []Entry) map[string][]Entry {
	all := map[string][]Entry{}
	for _, e := range plan {
		all[e.Command.WorkNo] = append(all[e.Command.WorkNo], e)
	}
	return all
}

// IDs are the ids of commands that were made of rows of a file, by replacement or not:
// those that have not ended, or else the last ones. Rows carry the ids that a file alone
// gives them.
func (c *Client) IDs(ctx context.Context, vcc string, rows []Wanted, loc *time.Location) ([]string, error) {
	plan, past, err := c.known(ctx, vcc, rows)
	if err != nil {
		return nil, err
	}
	planned := byAgent(plan)
	var ids []string
	for _, w := range rows {
		before := len(ids)
		for _, e := range planned[w.Shift.WorkNo] {
			if _, is := readPlanID(e.Command.ID); e.Command.ID == w.Order.Command.ID || is && e.ends(w.Shift, loc) {
				ids = append(ids, e.Command.ID)
			}
		}
		switch p := past[w.Shift]; {
		case len(ids) > before:
		case p.next > 0:
			ids = append(ids, w.Shift.commandID(p.next-1))
		default:
			ids = append(ids, w.Order.Command.ID)
		}
	}
	return ids, nil
}
