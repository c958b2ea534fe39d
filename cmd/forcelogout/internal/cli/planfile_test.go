package cli

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
)

// write writes a file that is no roster of file.
func (p planner) write(name, text string) string {
	p.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
	return path
}

// TestPlanNames: a scope names its column, and shiftId is a shift's name by itself, in
// tables and in NDJSON; neither makes a known column something else.
func TestPlanNames(t *testing.T) {
	t.Parallel()
	p := newPlanner(t)
	nord := p.file("nord.csv", "30011,2126-11-25T18:00:00Z,Nord")
	p.wants(p.run(exit.OK, "send", "--file", nord, "--tz", "UTC", "--replace", "dates,team=Nord"), "team → meta", "1 new")
	p.wants(p.run(exit.Usage, "send", "--file", nord, "--tz", "UTC", "--replace", "dates"), `columns that are not known: "team"`)
	p.wants(p.run(exit.Usage, "send", "--file", nord, "--tz", "UTC", "--replace", "team=Nord", "--ignore", "team"), "line 2: agent 30011", "outside")
	p.wants(p.run(exit.Usage, "send", "--file", nord, "--tz", "UTC", "--meta", "team", "--replace", "workNo=30011"), "workNo → workNo", "outside")
	p.wants(p.run(exit.OK, "list", "--tz", "UTC", "--meta", "team=Nord"), "1 command\n")

	two := p.write("two.csv", "Shift ID,workNo,at,x\na,30012,2126-11-26T14:00:00Z,1\nb,30012,2126-11-26T20:00:00Z,2\n")
	p.wants(p.run(exit.OK, "send", "--file", two, "--tz", "UTC", "--ignore", "*", "--replace", "dates"), "Shift ID → meta, workNo → workNo, at → at, x → ignored", "2 new")
	p.wants(p.run(exit.Usage, "send", "--file", two, "--tz", "UTC", "--ignore", "Shift ID,x", "--replace", "dates"), "two times for one shift")
	same := p.write("two.ndjson", `{"Shift ID":"a","workNo":"30012","at":"2126-11-26T14:00:00Z","meta":{"team":"Nord"}}`+"\n"+`{"Shift ID":"b","workNo":"30012","at":"2126-11-26T21:00:00Z"}`+"\n")
	p.wants(p.run(exit.OK, "send", "--file", same, "--tz", "UTC", "--replace", "dates"), "1 moved, 1 updated")
	p.wants(p.run(exit.OK, "cancel", "--file", same, "--tz", "UTC"), "2 cancelled")
}

// TestPlanShaped: a plan takes files by their shape, also from a folder, and a shift that
// goes over midnight is on the day of its start.
func TestPlanShaped(t *testing.T) {
	t.Parallel()
	p := newPlanner(t)
	shape := filepath.Join(t.TempDir(), "wfm.yaml")
	if err := os.WriteFile(shape, []byte("columns: {workNo: agent, date: day, start: from, at: until}\nmeta: [team]\nignore: ['*']\nwhere: [kind=Open]\ndates: dmy\ntz: Europe/Madrid\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const header = "agent;day;from;until;kind;team;desk\n"
	first := p.write("first.csv", header+"30011;25/11/2126;22:00;06:00;Open;Nord;7\n30012;25/11/2126;;;Off;Nord;8\n30013;25/11/2126;14:00;22:00;Open;Sued;9\n")
	p.wants(p.run(exit.OK, "send", "--file", first, "--shape", shape, "--replace", "dates"), "1 shift over midnight", "zone Europe/Madrid (the shape's)", "2 new")
	p.wants(p.run(exit.OK, "list", "--on", "2126-11-25", "--tz", "Europe/Madrid"), "2126-11-26 06:00:00  30011", "2 commands")
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	p.write("second.csv", header+"30011;25/11/2126;22:00;07:00;Open;Nord;7\n")
	feed := []string{"feed", "--dir", p.dir, "--once", "--settle", "50ms", "--poll", "10ms"}
	p.wants(p.run(exit.OK, append(feed, "--shape", shape)...), "second.csv", "done")
	p.wants(p.run(exit.OK, "list", "--tz", "Europe/Madrid"), "2126-11-26 07:00:00  30011", "1 command\n")
	p.wants(p.run(exit.Usage, append(feed, "--shape", "/nowhere")...), "--shape /nowhere")
	p.write("third.csv", header+"30011;25/11/2126;22:00;08:00;Open;Nord;7\n")
	p.wants(p.run(exit.OK, feed...), "third.csv", "bad")
	third := p.write("third.csv", header+"30011;25/11/2126;22:00;08:00;Open;Nord;7\n")
	p.wants(p.run(exit.OK, "cancel", "--file", third, "--shape", shape), "30011   cancelled")
}

// TestPlanAfterSend: a file that was sent without a plan is replaced like any other, though
// its commands do not tell when their shifts began.
func TestPlanAfterSend(t *testing.T) {
	t.Parallel()
	p := newPlanner(t)
	flags := []string{"--tz", "Europe/Madrid", "--columns", "workNo=agent,date=day,start=from,at=until"}
	const header = "agent,day,from,until,tz\n"
	first := p.write("first.csv", header+"30011,2126-11-25,22:00,06:00,Europe/Madrid\n30012,2126-11-25,20:00,03:00,Asia/Kolkata\n")
	second := p.write("second.csv", header+"30011,2126-11-25,22:00,07:00,Europe/Madrid\n30012,2126-11-25,20:00,04:00,Asia/Kolkata\n")
	p.wants(p.run(exit.OK, append([]string{"send", "--file", first}, flags...)...), "2 commands sent")
	p.wants(p.run(exit.OK, append([]string{"send", "--replace", "dates", "--file", second}, flags...)...), "2 moved")
	p.wants(p.run(exit.OK, "list", "--tz", "Europe/Madrid"), "2126-11-26 07:00:00  30011", "2126-11-25 23:30:00  30012", "2 commands\n")
	p.wants(p.run(exit.OK, append([]string{"send", "--replace", "dates", "--file", second}, flags...)...), "2 unchanged")
}

// TestPlanLate: a row whose time has passed is in the plan, but a file still says when,
// and names its columns.
func TestPlanLate(t *testing.T) {
	t.Parallel()
	p := newPlanner(t)
	past := time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)
	file := p.write("late.csv", "workNo,at,team\n30011,"+past+",Nord\n")
	p.wants(p.run(exit.Failed, "send", "--file", file, "--tz", "UTC", "--meta", "team", "--replace", "dates"), "1 too late")
	p.wants(p.run(exit.Usage, "send", "--file", file, "--tz", "UTC", "--replace", "dates"), "columns that are not known")
	none := p.write("none.csv", "workNo\n30011\n")
	p.wants(p.run(exit.Usage, "send", "--file", none, "--replace", "dates"), "no column says when")
	p.wants(p.run(exit.Usage, "send", "--file", none, "--replace", "dates", "--now"), "a plan needs one")
	p.wants(p.run(exit.OK, "list"), "nobody")
}
