package shift

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sample is what comes of an export of a kind that people have.
type sample struct {
	file  string
	rules Rules
	plan  []string       // agent and time, in UTC
	bad   map[int]string // refused lines
	fatal string         // the whole file is refused
}

func conditions(t *testing.T, texts ...string) (all []Where) {
	t.Helper()
	for _, text := range texts {
		w, err := ParseWhere(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}

// refusedSamples are exports as they come, without a word on their columns: none signs
// anybody out.
func refusedSamples() []sample {
	var none Rules
	return []sample{
		{"a01-cxone.csv", none, nil, nil, "no column workNo among Username, "},
		{"a01b-cxone-renamed-id.csv", none, nil, nil, `no column says when: name the one with the time by --columns at=…, or give --at TIME for all, or --now; columns that are not known: "Shift Start Date and Time"`},
		{"a01c-cxone-renamed-both.csv", none, nil, nil, `columns that are not known: "Local Time Zone", "Base Activity Name"`},
		{"a02-iex-pipe.txt", none, nil, nil, "no column workNo among excdate, schedDate, TZ, custID"},
		{"a02c-iex-renamed.txt", none, nil, nil, `columns that are not known: "schedDate", "code", "start"`},
		{"a03-genesys.json", none, nil, nil, "one JSON document over several lines"},
		{"a03b-genesys.ndjson", none, nil, map[int]string{1: `unknown field "lengthMinutes"`, 2: `unknown field "lengthMinutes"`}, ""},
		{"a04-array.json", none, nil, nil, "it is a JSON array"},
		{"a04b-epoch.ndjson", none, nil, map[int]string{1: "at: must be a string", 2: "workNo: "}, ""},
		{"a05-talkdesk.csv", none, nil, nil, "no column says when"},
		{"a06-verint.tsv", none, nil, nil, "no column workNo among EmployeeID, StartTime"},
		{"a07-deputy.csv", none, nil, nil, "no column workNo among Employee Export Code"},
		{"a09-infor.csv", none, nil, nil, `columns that are not known: "Sch_Break_String"`},
		{"a10-german.csv", none, nil, nil, "no column workNo among Personalnummer, Name"},
		{"a10b-german-renamed.csv", none, nil, nil, `columns that are not known: "Name"`},
		{"a13-newlines.csv", none, nil, nil, `columns that are not known: "note"`},
		{"a13b-excel-empty-rows.csv", none, nil, nil, `"note"`},
		{"a13c-totals.csv", none, nil, nil, `"note"`},
		{"a15d-chinese.csv", none, nil, nil, "no column workNo among 工号, 签出时间"},
		{"a16-wide.csv", none, nil, nil, `"col22"`},
		{"a18-dayoff.csv", none, nil, nil, `"activity"`},
		{"a25-iex.xml", none, nil, nil, "it is XML or HTML"},
	}
}

// takenSamples are exports whose columns are all named.
func takenSamples(t *testing.T) []sample {
	note, other := Rules{Meta: []string{"note"}}, Rules{Ignore: []string{"*"}}
	evening := []string{"30012 2026-11-26 17:00", "30013 2026-11-26 17:00"}
	night := []string{"30012 2026-11-26 17:00", "30013 2026-11-27 05:00"}
	return []sample{
		{"a01c-cxone-renamed-both.csv", Rules{Columns: map[string]string{"tz": "local time zone"}, Ignore: []string{"*"}}, nil,
			map[int]string{2: `at: "11/26/2026 18:00:00": the order of day, month and year is not guessed`, 3: `at: "11/27/2026 06:00:00": the order of day, month and year is not guessed`}, ""},
		{"a01d-zone-column.csv", Rules{}, []string{"30012 2026-11-26 12:30", "30013 2026-11-26 12:30"}, nil, ""},
		{"a02c-iex-renamed.txt", other, nil, map[int]string{2: `tz: "CST": no such time zone`, 3: `tz: "CST": no such time zone`}, ""},
		{"a02c-iex-renamed.txt", Rules{Ignore: []string{"TZ", "*"}}, night, nil, ""},
		{"a03b-genesys.ndjson", other, nil, map[int]string{1: "at: there is no time", 2: "at: there is no time"}, ""},
		{"a06-verint.tsv", Rules{Columns: map[string]string{"workNo": "EmployeeID", "at": "EndTime", "tz": "TimeZone"}, Ignore: []string{"StartTime"}, Meta: []string{"ActivityName"}},
			[]string{"30012 2026-11-27 00:00", "30013 2026-11-27 12:00"}, nil, ""},
		{"a09-infor.csv", other, nil, map[int]string{2: `at: "20261126 1800": the order of day, month and year is not guessed`}, ""},
		{"a10b-german-renamed.csv", other, nil, map[int]string{2: `at: "26.11.2026 18:00": the order of day, month and year is not guessed`, 3: `at: "27.11.2026 06:00": the order of day, month and year is not guessed`}, ""},
		{"a10d-good-semicolon-bom.csv", Rules{Meta: []string{"name"}}, night, nil, ""},
		{"a12-ids.csv", Rules{}, []string{"30013 2026-11-26 17:00", "30018 2026-11-26 17:00", "59999 2026-11-26 17:00"}, map[int]string{
			2: `workNo: `, 3: "workNo: ", 5: "workNo: ", 6: "bare", 7: "workNo: ", 8: "workNo: ", 10: "workNo: ", 12: "workNo: ", 13: "workNo: "}, ""},
		{"a13-newlines.csv", note, evening, nil, ""},
		{"a13b-excel-empty-rows.csv", note, evening, nil, ""},
		{"a13c-totals.csv", note, evening[:1], map[int]string{3: `at: "1": no time`}, ""},
		{"a13c-totals.csv", Rules{Meta: []string{"note"}, Where: conditions(t, "workNo!=Total")}, evening[:1], nil, ""},
		{"a15-empty-header.csv", Rules{}, evening[:1], nil, ""},
		{"a15c-work-no.csv", Rules{}, evening[:1], nil, ""},
		{"a15d-chinese.csv", Rules{Columns: map[string]string{"workNo": "工号", "at": "签出时间"}}, evening[:1], nil, ""},
		{"a16-wide.csv", other, evening[:1], nil, ""},
		{"a18-dayoff.csv", Rules{Meta: []string{"activity"}}, evening[:1], map[int]string{3: "at: the cell is blank"}, ""},
		{"a18-dayoff.csv", Rules{Meta: []string{"activity"}, Immediate: true}, evening[:1], map[int]string{3: "at: the cell is blank"}, ""},
		{"a18-dayoff.csv", Rules{Meta: []string{"activity"}, SkipBlank: true}, evening[:1], nil, ""},
		{"a18-dayoff.csv", Rules{Where: conditions(t, "activity=Open|Phone")}, evening[:1], nil, ""},
		{"a21-dst.csv", Rules{}, []string{"30012 2027-03-28 01:30", "30013 2027-10-31 00:30", "30014 2027-03-28 01:30"}, nil, ""},
		{"a22-id-column.csv", Rules{Ignore: []string{"id"}}, evening, nil, ""},
		{"a22b-id-guid.csv", Rules{}, []string{}, map[int]string{2: "id: ", 3: "id: "}, ""},
		{"a22b-id-guid.csv", Rules{Ignore: []string{"ID"}}, evening, nil, ""},
		{"a26-snake-case.csv", Rules{}, evening[:1], nil, ""},
		{"a01c-cxone-renamed-both.csv", Rules{Columns: map[string]string{"tz": "Local Time Zone"}, Ignore: []string{"*"}, Dates: "mdy"},
			[]string{"30012 2026-11-26 12:30", "30013 2026-11-27 00:30"}, nil, ""},
		{"a01c-cxone-renamed-both.csv", Rules{Ignore: []string{"*"}, Dates: "dmy"}, nil,
			map[int]string{2: "no date in the order dmy", 3: "no date in the order dmy"}, ""},
		{"a01b-cxone-renamed-id.csv", Rules{Columns: map[string]string{"at": "Shift End Date and Time", "start": "Shift Start Date and Time", "tz": "Local Time Zone"},
			Ignore: []string{"*"}, Dates: "mdy"}, []string{"30012 2026-11-26 12:30", "30013 2026-11-27 00:30"}, nil, ""},
		{"a02-iex-pipe.txt", Rules{Columns: map[string]string{"workNo": "logonID", "date": "schedDate", "start": "start", "at": "stop"}, Where: conditions(t, "code=Lunch|Off"),
			Ignore: []string{"TZ", "*"}, Dates: "mdy"}, []string{"30012 2026-11-26 12:30"}, map[int]string{6: `"00:00:00" is the start as well`}, ""},
		{"a03b-genesys.ndjson", Rules{Columns: map[string]string{"start": "startDate", "minutes": "lengthMinutes"}}, []string{"30012 2026-11-26 17:00", "30013 2026-11-27 06:00"}, nil, ""},
		{"a07-deputy.csv", Rules{Columns: map[string]string{"workNo": "Employee Export Code", "date": "Date", "start": "Start", "at": "End"}, Where: conditions(t, "Date!="),
			Ignore: []string{"*"}, Dates: "dmy"}, night, nil, ""},
		{"a09-infor.csv", Rules{Ignore: []string{"*"}, Dates: "ymd"}, evening[:1], nil, ""},
		{"a10-german.csv", Rules{Columns: map[string]string{"workNo": "Personalnummer", "date": "Datum", "start": "Beginn", "at": "Ende"}, Where: conditions(t, "Personalnummer!=Summe"),
			Meta: []string{"Name"}, Ignore: []string{"Soll"}, Dates: "dmy"}, night, nil, ""},
		{"a10b-german-renamed.csv", Rules{Meta: []string{"Name"}, Dates: "dmy"}, night, nil, ""},
	}
}

// TestSamples: of each export comes the right plan, or it is refused.
func TestSamples(t *testing.T) {
	t.Parallel()
	week := sample{"a19-week.csv", Rules{}, nil, map[int]string{2: "has passed"}, ""}
	for day := 24; day < 30; day++ {
		week.plan = append(week.plan, fmt.Sprintf("30012 2026-11-%d 17:00", day))
	}
	samples := slices.Concat(refusedSamples(), takenSamples(t), []sample{week})
	tried := map[string]bool{}
	for i, s := range samples {
		tried[s.file] = true
		t.Run(fmt.Sprintf("%d %s", i, s.file), func(t *testing.T) {
			t.Parallel()
			s.check(t)
		})
	}
	files, err := filepath.Glob("testdata/a*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if !tried[filepath.Base(file)] {
			t.Errorf("%s is not tried", file)
		}
	}
}

func (s sample) check(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", s.file))
	if err != nil {
		t.Fatal(err)
	}
	d := testDefaults(t)
	d.Name, d.Rules = s.file, s.rules
	rows, bad, failure := rowsOf(d, string(text))
	if (failure == nil) != (s.fatal == "") || failure != nil && !strings.Contains(failure.Error(), s.fatal) {
		t.Errorf("failed with %v, want %q", failure, s.fatal)
	}
	var plan []string
	for _, row := range rows {
		plan = append(plan, row.Command.WorkNo+" "+row.Command.NotBefore.UTC().Format("2006-01-02 15:04"))
	}
	if !slices.Equal(plan, s.plan) && len(plan)+len(s.plan) > 0 {
		t.Errorf("plan %v, want %v", plan, s.plan)
	}
	if len(bad) != len(s.bad) {
		t.Errorf("refused lines %v, want %v", bad, s.bad)
	}
	for line, want := range s.bad {
		if !strings.Contains(bad[line], want) {
			t.Errorf("line %d: %q, want %q", line, bad[line], want)
		}
	}
}

// TestSnakeCase: a condition is one however its column is written.
func TestSnakeCase(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"workNo,at,when_idle,grace_until", "Work-No,AT,When Idle,GraceUntil", "WORK_NO,at,whenIdle,grace until"} {
		rows, bad, err := rowsOf(testDefaults(t), header+"\n30012,2026-11-26 18:00,true,+10m\n")
		if err != nil || len(bad) > 0 || !rows[0].Command.WhenIdle || !rows[0].Command.GraceUntil.Equal(rows[0].At.Add(10*time.Minute)) {
			t.Errorf("%s: %+v, %v, %v", header, rows, bad, err)
		}
	}
}

// TestNothingNow: what is in a file is for at once only where that is said.
func TestNothingNow(t *testing.T) {
	t.Parallel()
	d := testDefaults(t)
	d.Rules = Rules{}
	for text, line := range map[string]int{"workNo\n30012\n": 0, "workNo,att\n30012,18:00\n": 0, "workNo,at\n30012,\n": 2, "workNo,at\n30012, \n": 2, `{"workNo":"30012"}`: 1, `{"workNo":"30012","at":""}`: 1, `{"workNo":"30012","at":" "}`: 1} {
		rows, bad, err := rowsOf(d, text)
		if len(rows) > 0 || (line == 0) == (err == nil) || line > 0 && !strings.Contains(bad[line], "at: ") {
			t.Errorf("%q: %+v, %v, %v", text, rows, bad, err)
		}
		if line == 0 {
			continue
		}
		withAll := d
		withAll.At = d.Now.Add(time.Hour)
		withAll.Rules.Immediate = true
		rows, bad, _ = rowsOf(withAll, text)
		if blank := strings.Contains(text, "at"); blank != (len(rows) == 0) {
			t.Errorf("%q with a time for all: %+v, %v", text, rows, bad)
		}
	}
	d.At = d.Now.Add(time.Hour)
	if rows, bad, err := rowsOf(d, "workNo\n30012\n"); err != nil || len(bad) > 0 || !rows[0].Command.NotBefore.Equal(d.At) {
		t.Errorf("a time for all: %+v, %v, %v", rows, bad, err)
	}
}

// TestDidYouMean: a name that is nearly a field's is told.
func TestDidYouMean(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"ExpireAt": "expiresAt", "work_nr": "workNo", "resaon": "reason", "Team": "", "Name": "", "when idle?": "whenIdle"} {
		got := didYouMean(name, fields())
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestMetaNeverBad: what is only told along is cut and cleaned, with a notice.
func TestMetaNeverBad(t *testing.T) {
	t.Parallel()
	d := testDefaults(t)
	d.Rules.Seen = &Seen{}
	var header, row strings.Builder
	for i := range 40 {
		fmt.Fprintf(&header, ",m%02d", i)
		fmt.Fprintf(&row, ",%s", strings.Repeat("ü", 120))
		d.Rules.Meta = append(d.Rules.Meta, fmt.Sprintf("m%02d", i))
	}
	rows, bad, err := rowsOf(d, "workNo,at,team"+header.String()+"\n30012,18:00,\"a\x07b\xff\tc\""+row.String()+"\n30013,18:00,north"+strings.Repeat(",", 40)+"\n")
	if err != nil || len(bad) > 0 || len(rows) != 2 || d.Rules.Seen.MetaCut != 1 {
		t.Fatal(len(rows), bad, err, d.Rules.Seen.MetaCut)
	}
	if meta := rows[0].Command.Meta; meta["team"] != "a b  c" || len(meta) < 8 || rows[1].Command.Meta["team"] != "north" {
		t.Errorf("meta %q", meta)
	}
}

// TestClockChange: a time that the clocks skip or show twice is told.
func TestClockChange(t *testing.T) {
	t.Parallel()
	rows, _, err := rowsOf(testDefaults(t), "workNo,at\n30012,2027-03-28 02:30\n30013,2027-10-31 02:30\n30014,2027-03-28 03:30\n30015,2027-10-31 03:30\n30016,2027-10-31T02:30:00+01:00\n")
	if err != nil || len(rows) != 5 {
		t.Fatal(rows, err)
	}
	for i, want := range []string{"does not exist there", "comes twice there", "", "", ""} {
		if got := rows[i].Clock; want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("line %d: %q, want %q", i+2, got, want)
		}
	}
}

// TestRejected: a refused row comes with its cells.
func TestRejected(t *testing.T) {
	t.Parallel()
	d := testDefaults(t)
	for text, want := range map[string][]string{"workNo,at\n 7 ,18:00\n": {" 7 ", "18:00"}, "workNo,at\n30012\n": {"30012"}, "{\"workNo\":\"7\"}\n": {`{"workNo":"7"}`}} {
		for _, err := range Read(strings.NewReader(text), d) {
			var line *LineError
			if !errors.As(err, &line) || !slices.Equal(line.Record, want) {
				t.Errorf("%q: %v, %q", text, err, line.Record)
			}
		}
	}
}

// TestTimesOfShift: a time is read in the forms that exports have, or refused.
func TestTimesOfShift(t *testing.T) {
	t.Parallel()
	all := map[string]string{"date": "d", "start": "s", "at": "e"}
	length := map[string]string{"start": "s", "minutes": "m"}
	for name, c := range map[string]struct {
		columns    map[string]string
		order      string
		text, want string
	}{
		"12 hours":             {nil, "mdy", "workNo,at\n30012,11/26/2026 6:00 PM\n", "2026-11-26 18:00"},
		"midnight of 12":       {nil, "mdy", "workNo,at\n30012,11/26/2026 12:00 am\n", "2026-11-26 00:00"},
		"no order":             {nil, "", "workNo,at\n30012,03/04/2027 18:00\n", "not guessed"},
		"day first":            {nil, "dmy", "workNo,at\n30012,03/04/2027 18:00\n", "2027-04-03 18:00"},
		"month first":          {nil, "mdy", "workNo,at\n30012,03/04/2027 18:00\n", "2027-03-04 18:00"},
		"short year":           {nil, "dmy", "workNo,at\n30012,3.4.27 18:00\n", "2027-04-03 18:00"},
		"ISO in any order":     {nil, "mdy", "workNo,at\n30012,2027-04-03 18:00:00.000\n", "2027-04-03 18:00"},
		"no such day":          {nil, "dmy", "workNo,at\n30012,31.02.2027 18:00\n", "no date in the order dmy"},
		"date only":            {nil, "dmy", "workNo,at\n30012,26.11.2026\n", "without a time of day"},
		"number":               {nil, "dmy", "workNo,at\n30012,1800\n", "no time"},
		"fraction of Excel":    {nil, "dmy", "workNo,at\n30012,46352.75\n", "no time"},
		"three columns":        {all, "", "workNo,d,s,e\n30012,2026-11-26,09:00,18:00\n", "2026-11-26 18:00"},
		"over midnight":        {all, "", "workNo,d,s,e\n30012,2026-11-26,22:00,06:00\n", "2026-11-27 06:00"},
		"over a month's end":   {all, "", "workNo,d,s,e\n30012,2026-11-30,22:00,06:00\n", "2026-12-01 06:00"},
		"to midnight":          {all, "", "workNo,d,s,e\n30012,2026-11-26,16:00,00:00\n", "2026-11-27 00:00"},
		"date with midnight":   {all, "", "workNo,d,s,e\n30012,2026-11-26 00:00:00,09:00,18:00\n", "2026-11-26 18:00"},
		"no shift":             {all, "", "workNo,d,s,e\n30012,2026-11-26,00:00,00:00\n", "is the start as well"},
		"end before":           {all, "", "workNo,d,s,e\n30012,2026-11-26,22:00,2026-11-26 06:00\n", "is not after the start"},
		"start without a date": {all, "", "workNo,d,s,e\n30012,,22:00,06:00\n", "it needs a date"},
		"no date":              {all, "", "workNo,d,s,e\n30012,22:00,22:00,06:00\n", "date: "},
		"blank end":            {all, "", "workNo,d,s,e\n30012,2026-11-26,22:00,\n", "blank"},
		"minutes":              {length, "", "workNo,s,m\n30012,2026-11-26 22:00,480\n", "2026-11-27 06:00"},
		"blank minutes":        {length, "", "workNo,s,m\n30012,2026-11-26 22:00,\n", "blank"},
		"blank start":          {length, "", "workNo,s,m\n30012,,480\n", "the start is blank"},
		"no minutes":           {length, "", "workNo,s,m\n30012,2026-11-26 22:00,0\n", "minutes: "},
		"NaN minutes":          {length, "", "workNo,s,m\n30012,2026-11-26 22:00,nan\n", "minutes: "},
		"minutes over a clock": {length, "", "workNo,s,m\n30012,2027-03-27 22:00,480\n", "2027-03-28 07:00"},
		"passed":               {length, "", "workNo,s,m\n30012,2026-11-23 22:00,480\n", "has passed"},
		"hours":                {map[string]string{"start": "s", "hours": "h"}, "", "workNo;s;h\n30012;2026-11-26 22:00;7,5\n", "2026-11-27 05:30"},
	} {
		d := testDefaults(t)
		d.Rules = Rules{Columns: c.columns, Dates: c.order}
		if err := d.Rules.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		rows, bad, err := rowsOf(d, c.text)
		got := fmt.Sprint(bad, err)
		if len(rows) == 1 {
			got = rows[0].Command.NotBefore.In(d.Loc).Format("2006-01-02 15:04")
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for _, columns := range []map[string]string{{"minutes": "m"}, {"start": "s", "minutes": "m", "at": "e"}, {"start": "s", "minutes": "m", "hours": "h"}} {
		if err := (Rules{Columns: columns}).Check(); err == nil {
			t.Errorf("%v is taken", columns)
		}
	}
}
