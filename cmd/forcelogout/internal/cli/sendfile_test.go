package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "shift.csv")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestSendFileNeverNow: a file is not for at once unless that is said, and every column
// is accounted for.
func TestSendFileNeverNow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		args []string
		code int
		want string
	}{
		"no time":        {"workNo\n30012\n", nil, exit.Usage, "no column says when"},
		"now":            {"workNo\n30012\n", []string{"--now"}, exit.OK, "1 command for at once"},
		"at":             {"workNo\n30012\n", []string{"--at", "2126-01-01T18:00"}, exit.OK, "1 command, from 2126-01-01 18:00 to 2126-01-01 18:00, zone Europe/Madrid (--tz)"},
		"both":           {"workNo\n30012\n", []string{"--at", "+1h", "--now"}, exit.Usage, "give one of them"},
		"blank":          {"workNo,at\n30012,\n30013,2126-01-01T18:00\n", nil, exit.Usage, "line 2: at: the cell is blank"},
		"blank, skipped": {"workNo,at\n30012,\n30013,2126-01-01T18:00\n", []string{"--blank", "skip"}, exit.OK, "1 row left out for a blank time"},
		"other name":     {"workNo,att\n30012,2126-01-01T18:00\n", nil, exit.Usage, `"att" (did you mean at?)`},
		"mapped":         {"logonID,Shift End\n30012,2126-01-01T18:00\n", []string{"--columns", "workNo=logonID,at=Shift End"}, exit.OK, "columns: logonID → workNo, Shift End → at"},
		"no such column": {"workNo,at\n30012,18:00\n", []string{"--columns", "at=end"}, exit.Usage, `no column "end"`},
		"no such field":  {"workNo,at\n30012,18:00\n", []string{"--columns", "att=at"}, exit.Usage, `no field "att" (did you mean at?)`},
		"meta":           {"workNo,at,team,x\n30012,2126-01-01T18:00,a,b\n", []string{"--meta", "team", "--ignore", "*"}, exit.OK, "team → meta, x → ignored"},
		"where":          {"workNo,at\n30012,2126-01-01T18:00\nTotal,\n", []string{"--where", "workNo!=Total"}, exit.OK, "1 row left out by --where"},
		"bad where":      {"workNo,at\n30012,2126-01-01T18:00\n", []string{"--where", "workNo"}, exit.Usage, "where: \"workNo\": write COLUMN=VALUE"},
		"twice":          {"workNo,at\n30012,2126-01-01T18:00\n30012,2126-01-01T20:00\n", nil, exit.OK, "agent 30012 is named twice for one day: lines 2 and 3"},
		"clock change":   {"workNo,at\n30012,2126-03-31T02:30\n", nil, exit.OK, "02:30 does not exist there"},
		"dates":          {"workNo;at\n30012;03/04/2126 18:00\n", []string{"--dates", "dmy"}, exit.OK, "from 2126-04-03 18:00"},
		"no dates":       {"workNo;at\n30012;03/04/2126 18:00\n", nil, exit.Usage, "give --dates dmy, mdy or ymd"},
		"delimiter":      {"workNo|at|a;b;c\n30012|2126-01-01T18:00|\n", []string{"--delimiter", "bar", "--ignore", "*"}, exit.OK, "1 command, from"},
		"overnight":      {"workNo,d,s,e\n30012,2126-01-01,22:00,06:00\n", []string{"--columns", "date=d,start=s,at=e"}, exit.OK, "1 shift over midnight"},
		"two ends":       {"workNo,s,m\n30012,2126-01-01 22:00,480\n", []string{"--columns", "start=s,minutes=m,at=s"}, exit.Usage, "columns: a shift ends by one of at"},
		"zones":          {"workNo,at,tz\n30012,2126-01-01T18:00,Asia/Kolkata\n", nil, exit.OK, "from 2126-01-01 13:30 to 2126-01-01 13:30, zone Europe/Madrid (--tz)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"send", "--dry-run", "--tz", "Europe/Madrid", "--file", writeFile(t, c.text)}, c.args...)
			if code, out, errOut := invoke(rig.Context(t), args...); code != c.code || !strings.Contains(out+errOut, c.want) {
				t.Errorf("exit %d, %s%s, want %q", code, out, errOut, c.want)
			}
		})
	}
}

// TestSendRejects: the refused rows are written as they came, and the terminal has the
// first ones only.
func TestSendRejects(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("workNo;Name;at\n30012;\"a;b\";2126-01-01T18:00\n")
	for i := range 45 {
		fmt.Fprintf(&text, "%d;\"x;y\";2126-01-01T18:00\n", i)
	}
	file := writeFile(t, text.String())
	rejects := filepath.Join(filepath.Dir(file), "bad.csv")
	args := []string{"send", "--dry-run", "--file", file, "--meta", "name", "--rejects", rejects}
	code, out, errOut := invoke(rig.Context(t), args...)
	if code != exit.Usage || strings.Count(errOut, "workNo: ") != shown || !strings.Contains(errOut, "and 25 more bad lines") || !strings.Contains(errOut, "45 of 46 lines are bad") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	written, err := os.ReadFile(rejects)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(written), "\n")
	if len(lines) != 47 || lines[0] != "workNo,Name,at,error" || !strings.HasPrefix(lines[1], "0,x;y,2126-01-01T18:00,\"line 3: workNo: ") {
		t.Errorf("rejects %q", lines[:2])
	}
	if code, _, errOut := invoke(rig.Context(t), args...); code != exit.Usage || !strings.Contains(errOut, "--rejects "+rejects) {
		t.Errorf("written over: exit %d, %s", code, errOut)
	}
}

// TestSendShape: an export is described once, in a file that is read strictly.
func TestSendShape(t *testing.T) {
	t.Parallel()
	const export = "schedDate|TZ|logonID|code|start|stop\n01022126|CST|30012|Open|22:00|06:00\n01022126|CST||Off|00:00|00:00\n"
	const shape = "columns: {workNo: logonID, date: schedDate, start: start, at: stop, tz: TZ}\nwhere: [code=Open]\nzones: {CST: America/Chicago}\ntz: America/Chicago\n"
	for name, c := range map[string]struct {
		shape string
		args  []string
		code  int
		want  string
	}{
		"whole":           {shape + "dates: mdy\ndelimiter: bar\n", nil, exit.OK, "1 command, from 2126-01-03 06:00 to 2126-01-03 06:00, zone America/Chicago (the shape's)"},
		"with a flag":     {shape, []string{"--dates", "dmy"}, exit.OK, "1 command, from 2126-02-02 06:00"},
		"flag goes first": {shape + "dates: mdy\n", []string{"--dates", "dmy", "--tz", "UTC"}, exit.OK, "1 command, from 2126-02-02 12:00 to 2126-02-02 12:00, zone UTC (--tz)"},
		"unknown key":     {shape + "date: mdy\n", nil, exit.Usage, `unknown key "date" (did you mean dates?)`},
		"unknown field":   {"columns: {workNr: logonID}\n", nil, exit.Usage, `no field "workNr" (did you mean workNo?)`},
		"dates":           {"dates: year\n", nil, exit.Usage, "must be dmy, mdy or ymd"},
		"delimiter":       {"delimiter: '|'\n", nil, exit.Usage, "delimiter: must be comma"},
		"blank":           {"blank: now\n", nil, exit.Usage, "blank: must be error or skip"},
		"zone":            {"zones: {CST: Chicago}\n", nil, exit.Usage, `zones: CST: tz: "Chicago"`},
		"no YAML":         {"columns: [\n", nil, exit.Usage, "no shape: "},
		"kind":            {"columns: 7\n", nil, exit.Usage, "no shape: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"send", "--dry-run", "--file", writeFile(t, export), "--shape", writeFile(t, c.shape)}, c.args...)
			if code, out, errOut := invoke(rig.Context(t), args...); code != c.code || !strings.Contains(out+errOut, c.want) {
				t.Errorf("exit %d, %s%s, want %q", code, out, errOut, c.want)
			}
		})
	}
	if code, _, errOut := invoke(rig.Context(t), "send", "--dry-run", "--file", writeFile(t, export), "--shape", "/nowhere"); code != exit.Usage || !strings.Contains(errOut, "--shape /nowhere") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}

// TestCancelShaped: cancel finds the commands of a file that is read by a shape.
func TestCancelShaped(t *testing.T) {
	t.Parallel()
	ctx, url := rig.Context(t), rig.NATS(t)
	if code, _, errOut := invoke(ctx, "setup", "--nats", url); code != exit.OK {
		t.Fatal(errOut)
	}
	export := writeFile(t, "id,agent,until,kind\n1,30012,01/02/2126 18:00,Open\n2,30013,,Off\n3,30014,01/02/2126 19:00,Open\n")
	shape := writeFile(t, "columns: {workNo: agent, at: until}\nmeta: [id]\nwhere: [kind=Open]\ndates: dmy\ntz: Europe/Madrid\n")
	if code, out, errOut := invoke(ctx, "send", "--nats", url, "--file", export, "--shape", shape); code != exit.OK || !strings.Contains(out, "2 commands sent") ||
		!strings.Contains(errOut, "2 commands, from 2126-02-01 18:00 to 2126-02-01 19:00, zone Europe/Madrid (the shape's)") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	if code, out, errOut := invoke(ctx, "cancel", "--nats", url, "--file", export, "--shape", shape); code != exit.OK || !strings.Contains(out, "2 cancelled") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	if code, _, errOut := invoke(ctx, "cancel", "--nats", url, "--shape", shape, "--work-no", "30012"); code != exit.Usage || !strings.Contains(errOut, "go with --file") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}
