package worker_test

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

// file are the rows of a shift file for a day of its own.
func file(times map[string]time.Time) []client.Wanted {
	var rows []client.Wanted
	for workNo, at := range times {
		rows = append(rows, client.Wanted{Shift: client.Shift{WorkNo: workNo, Day: "2026-11-25"}, Order: client.Order{
			At: at, Command: messages.Command{WorkNo: workNo, NotBefore: at, ExpiresAt: at.Add(15 * time.Minute)},
		}})
	}
	return rows
}

func (r *rig) replace(times map[string]time.Time) map[string]client.Change {
	r.Helper()
	all := map[string]client.Change{}
	r.must(r.client.Replace(r.ctx, client.Replacement{
		VCC: vcc, Rows: file(times), Scope: client.Scope{Dates: true}, Loc: time.UTC, By: messages.Cancellation{At: time.Now()}, Wait: 10 * time.Second,
	}, func(c client.Change) { all[c.WorkNo+" "+string(c.Kind)] = c }))
	return all
}

// TestReplaceWhenDue: a file that comes when the time of the last one has come moves whom
// no worker has, and says of the others that it is too late.
func TestReplaceWhenDue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	soon, later := time.Now().Add(time.Second), time.Now().Add(time.Hour)
	r.replace(map[string]time.Time{"30001": soon, "30002": soon})
	for stuck := true; stuck; { // until NATS has handed both to the workers, and there are none
		plan, err := r.client.Plan(r.ctx, vcc)
		r.must(err)
		stuck = len(plan) != 2 || plan[0].Held || plan[1].Held
		r.tick()
	}
	got := r.replace(map[string]time.Time{"30001": later})
	moved := got["30001 moved"]
	if _, withdrawn := got["30002 withdrawn"]; moved.ID == "" || !withdrawn || len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	r.start(nil)
	for id, result := range r.await(2) {
		if result.Outcome != messages.OutcomeCancelled || id == moved.ID {
			t.Errorf("%s: %+v", id, result)
		}
	}

	soon = time.Now().Add(time.Second)
	r.replace(map[string]time.Time{"30001": later, "30003": soon})
	r.await(3)
	for name, times := range map[string]map[string]time.Time{
		"the same again": {"30001": later, "30003": soon}, "a day earlier": {"30001": later, "30003": soon.Add(-24 * time.Hour)},
	} {
		want := map[string]string{"the same again": "30003 unchanged", "a day earlier": "30003 too late"}[name]
		if got := r.replace(times); got[want].WorkNo == "" || got["30001 unchanged"].ID != moved.ID {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := r.replace(map[string]time.Time{"30001": later, "30003": later}); got["30003 new"].Why == "" {
		t.Errorf("overtime after the sign-out: %+v", got)
	}
	if r.calls("30001")+r.calls("30002") != 0 || r.calls("30003") != 1 {
		t.Errorf("calls: %v", r.sim.Calls())
	}
}
