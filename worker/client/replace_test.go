package client_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

// evening is a day far enough ahead that nothing of it comes due in a test.
func evening() time.Time { return time.Now().UTC().Truncate(24 * time.Hour).Add(72 * time.Hour) }

// roster are rows of a file: agents and the hours after the day's begin at which they go.
func roster(day time.Time, hours map[int]int) []client.Wanted {
	var rows []client.Wanted
	for agent, hour := range hours {
		c := messages.Command{WorkNo: strconv.Itoa(agent), Meta: map[string]string{"team": "T" + strconv.Itoa(agent%2)}}
		c.NotBefore = day.Add(time.Duration(hour) * time.Hour)
		c.ExpiresAt = c.NotBefore.Add(15 * time.Minute)
		rows = append(rows, client.Wanted{
			Shift: client.Shift{WorkNo: c.WorkNo, Day: day.Format(time.DateOnly)}, Order: client.Order{At: c.NotBefore, Command: c},
		})
	}
	return rows
}

func replacement(rows []client.Wanted) client.Replacement {
	return client.Replacement{
		VCC: vcc, Rows: rows, Scope: client.Scope{Dates: true}, Loc: time.UTC, By: messages.Cancellation{At: time.Now()}, Wait: time.Second,
	}
}

// replace hands a file in, and counts what became of its rows.
func (r *rig) replace(which client.Replacement) map[client.Kind]int {
	r.Helper()
	counts := map[client.Kind]int{}
	r.must(r.client.Replace(r.ctx, which, func(c client.Change) { counts[c.Kind]++ }))
	return counts
}

// planned are the times of what is planned, by agent.
func (r *rig) planned() map[string]time.Time {
	r.Helper()
	plan, err := r.client.Plan(r.ctx, vcc)
	r.must(err)
	all := map[string]time.Time{}
	for _, e := range plan {
		if _, twice := all[e.Command.WorkNo]; twice {
			r.Errorf("agent %s is planned twice", e.Command.WorkNo)
		}
		all[e.Command.WorkNo] = e.Due
	}
	return all
}

func (r *rig) checkPlan(rows []client.Wanted) {
	r.Helper()
	got := r.planned()
	for _, w := range rows {
		if !got[w.Shift.WorkNo].Equal(w.Order.At) {
			r.Errorf("agent %s is planned for %v, the file says %v", w.Shift.WorkNo, got[w.Shift.WorkNo], w.Order.At)
		}
	}
	if len(got) != len(rows) {
		r.Errorf("%d planned, %d in the file", len(got), len(rows))
	}
}

// TestReplace: a new export moves, adds and withdraws, and the same again does nothing.
func TestReplace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	day := evening()
	steps := []struct {
		hours map[int]int
		want  map[client.Kind]int
	}{
		{map[int]int{30011: 18, 30012: 18, 30013: 18}, map[client.Kind]int{client.Added: 3}},
		{map[int]int{30011: 18, 30012: 18, 30013: 18}, map[client.Kind]int{client.Unchanged: 3}},
		{map[int]int{30011: 18, 30012: 20, 30014: 19}, map[client.Kind]int{client.Added: 1, client.Moved: 1, client.Unchanged: 1, client.Removed: 1}},
		{map[int]int{30011: 18, 30012: 20, 30013: 21}, map[client.Kind]int{client.Added: 1, client.Unchanged: 2, client.Removed: 1}},
		{map[int]int{30011: 18, 30012: 20, 30013: 21}, map[client.Kind]int{client.Unchanged: 3}},
	}
	for i, step := range steps {
		rows := roster(day, step.hours)
		preview, err := r.client.Preview(r.ctx, replacement(rows))
		r.must(err)
		seen := map[client.Kind]int{}
		for _, c := range preview {
			seen[c.Kind]++
		}
		if got := r.replace(replacement(rows)); fmt.Sprint(got) != fmt.Sprint(step.want) || fmt.Sprint(seen) != fmt.Sprint(step.want) {
			t.Errorf("step %d: %v, and %v before, want %v", i, got, seen, step.want)
		}
		r.checkPlan(rows)
	}
}

// TestReplaceLeavesOthers: a file withdraws nothing of another day, of another team, or
// what a person has sent; a half one withdraws nothing at all.
func TestReplaceLeavesOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	day := evening()
	both := map[int]int{1: 0}
	clear(both)
	for agent := 1000; agent < 1020; agent++ {
		both[agent] = 18
	}
	r.replace(replacement(roster(day, both)))
	r.replace(replacement(roster(day.AddDate(0, 0, 1), map[int]int{2000: 18})))
	r.publish(at(order("by-hand", "3000"), day.Add(18*time.Hour)))

	half := replacement(roster(day, map[int]int{1000: 18, 1001: 18}))
	half.Brake = client.Brake{Percent: 20}
	var brake *client.BrakeError
	if err := r.client.Replace(r.ctx, half, func(client.Change) {}); !errors.As(err, &brake) || brake.Withdrawn != 18 || brake.Of != 20 {
		t.Errorf("error %v", err)
	}
	team := replacement(roster(day, map[int]int{1000: 19}))
	team.Scope = client.Scope{Dates: true, Meta: map[string]string{"team": "T0"}}
	if got := r.replace(team); got[client.Removed] != 9 || got[client.Moved] != 1 {
		t.Errorf("%v", got)
	}
	got := r.planned()
	if len(got) != 1+10+1+1 || got["2000"].IsZero() || got["3000"].IsZero() {
		t.Errorf("planned: %v", got)
	}
	team.Rows = roster(day, map[int]int{1001: 19})
	if err := r.client.Replace(r.ctx, team, func(client.Change) {}); !errors.Is(err, client.ErrOutside) {
		t.Errorf("a row of another team: %v", err)
	}
	twice := replacement(append(roster(day, map[int]int{1000: 18}), roster(day, map[int]int{1000: 19})...))
	if err := r.client.Replace(r.ctx, twice, func(client.Change) {}); !errors.Is(err, client.ErrShiftTwice) {
		t.Errorf("two times for one shift: %v", err)
	}
}

// TestReplaceCutOff: a replacement that is interrupted, and whose server is restarted, is
// completed by the same again; meanwhile every agent of both files has a command.
func TestReplaceCutOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const n = 600
	day := evening()
	before, after := map[int]int{}, map[int]int{}
	for i := range n {
		before[1000+i] = 18
		after[1000+i+n/3] = 18 + i%3
	}
	r.replace(replacement(roster(day, before)))
	rows := roster(day, after)
	for _, cut := range []time.Duration{20, 60, 120} {
		ctx, cancel := context.WithTimeout(r.ctx, cut*time.Millisecond)
		_ = r.client.Replace(ctx, replacement(rows), func(client.Change) {})
		cancel()
		addr := r.addr()
		r.stop()
		r.start(addr)
		got := r.planned()
		for agent := range after {
			if _, agreed := before[agent]; agreed && got[strconv.Itoa(agent)].IsZero() {
				t.Fatalf("agent %d is in both files and has no command", agent)
			}
		}
	}
	r.replace(replacement(rows))
	r.checkPlan(rows)
	if got := r.replace(replacement(rows)); got[client.Unchanged] != n || len(got) != 1 {
		t.Errorf("the same again: %v", got)
	}
}

// TestReplaceSequences: over random sequences of files, cancels, moves and restarts, the
// last file is the plan.
func TestReplaceSequences(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		day := evening().AddDate(0, 0, run)
		var rows []client.Wanted
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			plan, err := r.client.Plan(r.ctx, vcc)
			r.must(err)
			switch step := rapid.IntRange(0, 9).Draw(rt, "step"); {
			case step == 0 && run%10 == 0:
				addr := r.addr()
				r.stop()
				r.start(addr)
			case step < 3 && len(plan) > 0:
				id := rapid.SampledFrom(plan).Draw(rt, "cancelled").Command.ID
				if got := r.cancel(client.Selection{IDs: []string{id}})[id]; got.Answer != client.Cancelled {
					rt.Fatal(got)
				}
			case step < 5 && len(plan) > 0:
				e := rapid.SampledFrom(plan).Draw(rt, "moved")
				r.must(r.client.Move(r.ctx, vcc, e, e.Due.Add(time.Minute), 0))
			default:
				rows = roster(day, rapid.MapOfN(rapid.IntRange(1001, 1008), rapid.IntRange(17, 23), 1, 8).Draw(rt, "rows"))
				cut := time.Duration(rapid.IntRange(1, 5).Draw(rt, "cut")) * time.Millisecond
				ctx, cancel := context.WithTimeout(r.ctx, cut)
				_ = r.client.Replace(ctx, replacement(rows), func(client.Change) {})
				cancel()
			}
		}
		if rows == nil {
			return
		}
		r.replace(replacement(rows))
		r.checkPlan(rows)
		if t.Failed() {
			rt.FailNow()
		}
		for _, w := range rows { // the next run begins with nothing
			r.cancel(client.Selection{WorkNo: w.Shift.WorkNo})
		}
	})
}
