package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
)

// planner is somebody who hands in files, at a NATS server with an installation.
type planner struct {
	*testing.T
	ctx context.Context
	url string
	dir string
}

func newPlanner(t *testing.T) planner {
	t.Helper()
	p := planner{t, rig.Context(t), rig.NATS(t), t.TempDir()}
	p.run(exit.OK, "setup")
	return p
}

// run runs a command, which must end with the code, and returns what it wrote.
func (p planner) run(want int, args ...string) string {
	p.Helper()
	code, out, errOut := invoke(p.ctx, append([]string{args[0], "--nats", p.url}, args[1:]...)...)
	if code != want {
		p.Fatalf("%v: exit %d, want %d: %s%s", args, code, want, out, errOut)
	}
	return out + errOut
}

// file writes a roster.
func (p planner) file(name string, rows ...string) string {
	p.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, []byte("workNo,at,team\n"+strings.Join(rows, "\n")+"\n"), 0o600); err != nil {
		p.Fatal(err)
	}
	return path
}

func (p planner) wants(out string, parts ...string) {
	p.Helper()
	for _, part := range parts {
		if !strings.Contains(out, part) {
			p.Errorf("no %q in:\n%s", part, out)
		}
	}
}

// TestSendReplace: a new export takes the place of the first, whatever it is called.
func TestSendReplace(t *testing.T) {
	t.Parallel()
	p := newPlanner(t)
	first := p.file("monday.csv", "30011,2126-11-25T18:00:00Z,Nord", "30012,2126-11-25T18:00:00Z,Nord", "30013,2126-11-25T18:00:00Z,Sued")
	second := p.file("new.csv", "30011,2126-11-25T18:00:00Z,Nord", "30012,2126-11-25T20:00:00Z,Nord", "30014,2126-11-25T19:00:00Z,Nord")
	send := func(code int, file string, more ...string) string {
		return p.run(code, append([]string{"send", "--file", file, "--tz", "UTC", "--meta", "team"}, more...)...)
	}
	p.wants(send(exit.OK, first, "--replace", "dates"), "3 new")
	p.wants(send(exit.OK, first, "--replace", "dates"), "3 unchanged")
	want := []string{
		"unchanged  30011   2126-11-25 18:00", "moved      30012   2126-11-25 18:00 -> 2126-11-25 20:00",
		"new        30014   2126-11-25 19:00", "withdrawn  30013   2126-11-25 18:00", "1 new, 1 moved, 1 withdrawn, 1 unchanged",
	}
	p.wants(send(exit.OK, second, "--replace", "dates", "--dry-run"), append(want, "nothing was changed")...)
	p.wants(send(exit.Usage, second, "--replace", "dates", "--max-withdraw", "20%"), "1 of 3", "--max-withdraw 100%")
	p.wants(send(exit.OK, second, "--replace", "dates"), want...)
	p.wants(send(exit.OK, second, "--replace", "dates", "--json"), `"kind":"change","change":"unchanged"`)
	p.wants(send(exit.OK, first, "--replace", "dates"), "1 new, 1 moved, 1 withdrawn, 1 unchanged")

	p.wants(send(exit.Usage, first, "--replace", "team=Nord"), "line 4: agent 30013", "outside")
	p.wants(send(exit.OK, p.file("nord.csv", "30011,2126-11-25T18:00:00Z,Nord"), "--replace", "dates,team=Nord"), "1 withdrawn, 1 unchanged")
}

// TestSendReplaceSpares: who is left out is in no plan, and is withdrawn from it; and the
// brake for a wrong file holds for plans, too.
func TestSendReplaceSpares(t *testing.T) {
	t.Parallel()
	p := newPlanner(t)
	evening := p.file("evening.csv", "30011,2126-11-25T18:00:00Z,Nord", "30012,2126-11-25T18:00:00Z,Nord")
	except := filepath.Join(p.dir, "never")
	if err := os.WriteFile(except, []byte("30012 # the hotline\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	send := []string{"send", "--file", evening, "--tz", "UTC", "--meta", "team", "--replace", "dates"}
	p.wants(p.run(exit.Usage, append(send, "--max", "1")...), "2 commands, more than --max 1")
	p.wants(p.run(exit.OK, send...), "2 new")
	p.wants(p.run(exit.OK, append(send, "--except", except)...), "1 command left out (30012)", "1 withdrawn, 1 unchanged")
}

// TestSendReplaceUsage: what a replacement cannot take is said before anything is written.
func TestSendReplaceUsage(t *testing.T) {
	t.Parallel()
	p := newPlanner(t)
	good := p.file("good.csv", "30011,2126-11-25T18:00:00Z,Nord")
	twice := p.file("twice.csv", "30011,2126-11-25T18:00:00Z,Nord", "30011,2126-11-25T20:00:00Z,Nord")
	own := filepath.Join(p.dir, "own.csv")
	if err := os.WriteFile(own, []byte("id,workNo,at\nmine,30011,2126-11-25T18:00:00Z\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	shifts := filepath.Join(p.dir, "shifts.csv")
	if err := os.WriteFile(shifts, []byte("shiftId,workNo,at\na,30011,2126-11-25T18:00:00Z\nb,30011,2126-11-25T20:00:00Z\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"scope":        {[]string{"--file", good, "--replace", "all"}, "team=Nord"},
		"share":        {[]string{"--file", good, "--replace", "dates", "--max-withdraw", "7"}, "0% to 100%"},
		"no file":      {[]string{"30011", "--replace", "dates"}, "--file"},
		"no scope":     {[]string{"--file", good, "--max-withdraw", "20%"}, "--replace"},
		"wait":         {[]string{"--file", good, "--replace", "dates", "--wait"}, "--wait"},
		"skip invalid": {[]string{"--file", good, "--replace", "dates", "--skip-invalid"}, "--skip-invalid"},
		"two times":    {[]string{"--file", twice, "--replace", "dates"}, "lines 2 and 3"},
		"an id":        {[]string{"--file", own, "--replace", "dates"}, "shiftId"},
	} {
		if out := p.run(exit.Usage, append([]string{"send", "--meta", "team"}, c.args...)...); !strings.Contains(out, c.want) {
			t.Errorf("%s: %s", name, out)
		}
	}
	p.wants(p.run(exit.OK, "send", "--file", shifts, "--replace", "dates"), "2 new")
}
