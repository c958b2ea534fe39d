package shift

import (
	"slices"
	"testing"
	"time"
)

// TestShiftIDs: the same file is the same orders, another day or file others.
func TestShiftIDs(t *testing.T) {
	t.Parallel()
	d := testDefaults(t)
	ids := func(d Defaults, text string) (all []string) {
		rows, bad, err := rowsOf(d, text)
		if err != nil || len(bad) > 0 {
			t.Fatal(bad, err)
		}
		for _, row := range rows {
			all = append(all, row.Command.ID)
		}
		return all
	}
	later, tomorrow, other := d, d, d
	later.Now = d.Now.Add(time.Hour)
	tomorrow.Now = d.Now.Add(24 * time.Hour)
	other.Name = "night.csv"
	for _, text := range []string{"workNo,at\n30012,18:00\n30013,18:00\n", "workNo\n30012\n30013\n", "workNo,at\n30012,+90m\n30013,+90m\n"} {
		first := ids(d, text)
		if first[0] == first[1] || !slices.Equal(first, ids(d, text)) || !slices.Equal(first, ids(later, text)) {
			t.Errorf("%q: %v, an hour later %v", text, first, ids(later, text))
		}
		for _, changed := range []Defaults{tomorrow, other} {
			if again := ids(changed, text); again[0] == first[0] {
				t.Errorf("%q: the id is the same for another day or file", text)
			}
		}
	}
	if same := ids(d, "workNo\n30012\n30012\n"); same[0] != same[1] {
		t.Error("the same line twice is two orders")
	}
	if got := ids(d, "workNo,id\n30012,mine\n"); got[0] != "mine" {
		t.Errorf("id %q", got[0])
	}
}

// TestShiftIDsDecide: an id holds what decides and nothing else, in both forms alike.
func TestShiftIDsDecide(t *testing.T) {
	t.Parallel()
	d := testDefaults(t)
	id := func(d Defaults, text string) string {
		t.Helper()
		rows, bad, err := rowsOf(d, text)
		if err != nil || len(bad) > 0 || len(rows) != 1 {
			t.Fatal(text, bad, err)
		}
		return rows[0].Command.ID
	}
	later := d
	later.Reason, later.RequestedBy, later.Now = "overtime", "planning", d.Now.Add(30*time.Minute)
	first := id(d, "workNo,at,reason\n30012,18:00,end\n")
	for name, same := range map[string]string{
		"text": "workNo,at,reason,team\n30012,18:00,other,north\n", "no text": "workNo,at\n30012,18:00\n", "another way to write it": "at,workNo\n2026-11-24T17:00:00Z,30012\n",
		"NDJSON": `{"workNo":"30012","at":"18:00","meta":{"a":"b"}}`, "NDJSON, not idle": `{"at":"2026-11-24T18:00","workNo":"30012","whenIdle":false}`,
	} {
		if got := id(later, same); got != first {
			t.Errorf("%s: another id", name)
		}
	}
	for name, other := range map[string]string{
		"agent": "workNo,at\n30013,18:00\n", "time": "workNo,at\n30012,18:01\n", "inspector": "workNo,at,inspector\n30012,18:00,1001\n", "VCC": "workNo,at,vcc\n30012,18:00,b\n",
		"idle": "workNo,at,whenIdle,graceUntil\n30012,18:00,true,+5m\n", "sign-in": "workNo,at,signedInBefore\n30012,18:00,17:00\n", "expiry": "workNo,at,expiresAt\n30012,18:00,+5m\n",
	} {
		if got := id(d, other); got == first {
			t.Errorf("%s: the same id", name)
		}
	}
	// A file is the same after midnight; a new one is not.
	before, after, renewed := d, d, d
	before.Day = time.Date(2026, 11, 24, 20, 0, 0, 0, time.UTC)
	before.Now = time.Date(2026, 11, 24, 22, 58, 0, 0, time.UTC)
	after.Day, after.Now = before.Day, before.Now.Add(10*time.Minute)
	renewed.Day, renewed.Now = after.Now, after.Now
	for _, text := range []string{"workNo\n30012\n", "workNo,at\n30012,+90m\n"} {
		if id(before, text) != id(after, text) || id(before, text) == id(renewed, text) {
			t.Errorf("%q: across midnight", text)
		}
	}
}
