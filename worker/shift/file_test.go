package shift

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func testDefaults(t *testing.T) Defaults {
	t.Helper()
	loc, err := LoadZone("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	return Defaults{Name: "shift.csv", VCC: "default", Reason: "shift-end", Now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), Loc: loc,
		Rules: Rules{Immediate: true, Meta: []string{"team"}}}
}

// rowsOf reads a whole shift file; bad are the errors of lines.
func rowsOf(d Defaults, text string) (rows []Row, bad map[int]string, failure error) {
	bad = map[int]string{}
	for row, err := range Read(strings.NewReader(text), d) {
		var line *LineError
		switch {
		case errors.As(err, &line):
			bad[line.Line] = line.Err.Error()
		case err != nil:
			return rows, bad, err
		default:
			rows = append(rows, row)
		}
	}
	return rows, bad, nil
}

// TestShiftFile: every form gives the same orders.
func TestShiftFile(t *testing.T) {
	t.Parallel()
	d := testDefaults(t)
	for name, text := range map[string]string{
		"CSV":             "workNo,at,Team,expiresAt\n30012,18:00,north,+10m\n\n30013,18:00,,18:10\n",
		"other order":     "TEAM,expiresat,AT,WorkNo\nnorth,+10m,18:00,30012\n,18:10,18:00,30013\n",
		"semicolon, CRLF": "\ufeffworkNo;at;Team;expiresAt\r\n30012;18:00;north;+10m\r\n30013;18:00;;18:10\r\n",
		"tabs, quotes":    "workNo\tat\tTeam\texpiresAt\n\"30012\"\t18:00\tnorth\t+10m\n30013\t18:00\t\t18:10",
		"NDJSON": `{"workNo":"30012","at":"18:00","meta":{"Team":"north"},"expiresAt":"2026-11-24T18:10:00+01:00"}` + "\n\n" +
			`{"at":"18:00","workNo":"30013","expiresAt":"2026-11-24T18:10:00+01:00"}`,
	} {
		rows, bad, err := rowsOf(d, text)
		if err != nil || len(bad) > 0 || len(rows) != 2 {
			t.Errorf("%s: %d rows, %v, %v", name, len(rows), bad, err)
			continue
		}
		at := time.Date(2026, 11, 24, 17, 0, 0, 0, time.UTC)
		for i, row := range rows {
			c := row.Command
			if !row.At.Equal(at) || !c.NotBefore.Equal(at) || !c.ExpiresAt.Equal(at.Add(10*time.Minute)) || row.VCC != "default" || c.Reason != "shift-end" {
				t.Errorf("%s: row %+v", name, row)
			}
			if want := []string{"30012", "30013"}[i]; c.WorkNo != want || len(c.ID) < 20 {
				t.Errorf("%s: row %+v", name, row)
			}
		}
		team := slices.Collect(maps.Values(rows[0].Command.Meta))
		if len(team) != 1 || team[0] != "north" || rows[1].Command.Meta != nil {
			t.Errorf("%s: meta %v and %v", name, rows[0].Command.Meta, rows[1].Command.Meta)
		}
	}
}

// TestShiftFileErrors: each bad line is named, and the rest is read all the same.
func TestShiftFileErrors(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text string
		bad  map[int]string
		good int
	}{
		"workNo": {"workNo\n30012\n7\n30013\n", map[int]string{3: "workNo: "}, 2},
		"cells":  {"workNo,reason\n30012\n30013,a,b\n30014,a\n", map[int]string{2: "1 cells, the header has 2", 3: "3 cells"}, 1},
		"time":   {"workNo,at\n30012,noon\n30013,09:59\n30014,2026-11-24T09:00\n30015,18:00\n", map[int]string{2: "at: ", 3: "at: ", 4: "at: "}, 1},
		"expiry": {"workNo,at,expiresAt\n30012,18:00,2026-11-24T17:00\n30013,,18:00\n", map[int]string{2: "expiresAt: ", 3: "at: the cell is blank"}, 0},
		"vcc":    {"workNo,vcc\n30012,a.b\n", map[int]string{2: "vcc: "}, 0},
		"id":     {"workNo,id\n30012,a b\n", map[int]string{2: "id: "}, 0},
		"idle":   {"workNo,whenIdle,graceUntil\n30012,yes,\n30013,true,+5m\n30014,true,\n", map[int]string{2: "whenIdle: ", 4: "whenIdle: "}, 1},
		"JSON": {`{"workNo":"30012"}` + "\n{\n" + `{"workNo":"30013","vc":"a"}` + "\n" + `{"workNo":"30014","workNo":"30015"}` + "\n" + `{"workNo":30016}` + "\n" + `{"workNo":"30017","at":7}`,
			map[int]string{2: "JSON", 3: "unknown field", 4: "JSON", 5: "workNo: ", 6: "at: "}, 1},
		"long line": {`{"workNo":"30012","reason":"` + strings.Repeat("x", maxLine) + "\"}\n" + `{"workNo":"30013"}`, map[int]string{1: "longer than"}, 1},
	}
	for name, c := range cases {
		rows, bad, err := rowsOf(testDefaults(t), c.text)
		if err != nil || len(rows) != c.good || len(bad) != len(c.bad) {
			t.Errorf("%s: %d rows, %v, %v", name, len(rows), bad, err)
		}
		for line, want := range c.bad {
			if !strings.Contains(bad[line], want) || strings.Contains(bad[line], "\n") {
				t.Errorf("%s: line %d: %q, want %q", name, line, bad[line], want)
			}
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":     {"", "empty"},
		"no column": {"agent,at\n30012,18:00\n", "no column workNo"},
		"twice":     {"workNo,Team,team\n", `"team" is there twice`},
		// None of these may be skipped: whom the lines within are about is not known.
		"line break":    {"workNo,reason\n30012,\"a\nb\"\n8,x\n", "line 2: a quote that is opened there is closed in another line"},
		"row in remark": {"workNo,team\n30012,\"a\n8,x\"\n", "line 2: a quote that is opened there is closed in another line"},
		"open quote":    {"workNo,team\n30012,a\n30013,\"north\n30014,south\n", "line 3: a quote is opened there and not closed"},
		"quote to next": {"workNo,team\n30013,\"north\n30014,\"south\n", "line 2: a quote is opened there and not closed"},
	} {
		if _, _, err := rowsOf(testDefaults(t), c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestShiftTimesOfDay: a condition's time of day is the one beside the row's time.
func TestShiftTimesOfDay(t *testing.T) {
	t.Parallel()
	d := testDefaults(t) // 10:00 in Madrid
	for name, c := range map[string]struct{ text, signedInBefore, expiresAt, graceUntil string }{
		"the same day":     {"workNo,at,signedInBefore,expiresAt\n30012,18:00,09:00,18:30\n", "2026-11-24T09:00", "2026-11-24T18:30", ""},
		"not after it":     {"workNo,at,signedInBefore\n30012,18:00,18:00\n", "2026-11-24T18:00", "", ""},
		"the day before":   {"workNo,at,signedInBefore\n30012,18:00,22:00\n", "2026-11-23T22:00", "", ""},
		"over midnight":    {"workNo,at,signedInBefore,whenIdle,graceUntil,expiresAt\n30012,23:50,15:00,true,00:05,00:10\n", "2026-11-24T15:00", "2026-11-25T00:10", "2026-11-25T00:05"},
		"now":              {"workNo,signedInBefore,expiresAt\n30012,09:00,09:30\n", "2026-11-24T09:00", "2026-11-25T09:30", ""},
		"with their dates": {"workNo,at,signedInBefore,expiresAt\n30012,18:00,2026-11-20T09:00,2026-11-26T18:30\n", "2026-11-20T09:00", "2026-11-26T18:30", ""},
	} {
		rows, bad, err := rowsOf(d, c.text)
		if err != nil || len(bad) > 0 || len(rows) != 1 {
			t.Errorf("%s: %v, %v", name, bad, err)
			continue
		}
		for _, field := range []struct {
			what string
			got  time.Time
			want string
		}{{"signedInBefore", rows[0].Command.SignedInBefore, c.signedInBefore}, {"expiresAt", rows[0].Command.ExpiresAt, c.expiresAt}, {"graceUntil", rows[0].Command.GraceUntil, c.graceUntil}} {
			if field.want != "" && field.got.In(d.Loc).Format("2006-01-02T15:04") != field.want {
				t.Errorf("%s: %s %v, want %s", name, field.what, field.got, field.want)
			}
		}
	}
}

// TestShiftFileStreams: a large file takes no more memory than a small one.
func TestShiftFileStreams(t *testing.T) {
	in, out := io.Pipe()
	go func() {
		fmt.Fprintln(out, "workNo,at,team")
		for i := range 100_000 {
			fmt.Fprintf(out, "%d,18:00,team-%d\n", 101+i, i)
		}
		out.Close()
	}()
	n := 0
	var before, after runtime.MemStats
	for row, err := range Read(in, testDefaults(t)) {
		if err != nil || row.Line != n+2 {
			t.Fatal(row, err)
		}
		switch n++; n {
		case 1000:
			runtime.GC()
			runtime.ReadMemStats(&before)
		case 99_000:
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
	}
	if n != 100_000 || after.HeapAlloc > before.HeapAlloc+4<<20 {
		t.Errorf("%d rows, heap %d, then %d", n, before.HeapAlloc, after.HeapAlloc)
	}
}
