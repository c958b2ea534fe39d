package shift

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// FuzzFile: whatever the file holds, nothing panics, each row is a valid
// command, and each complaint is one line.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"workNo,at,team\n30012,18:00,north\n7,,\n", "\ufeffworkNo;at\r\n30012;+90m\r\n", "workNo\n\"30012\n", "workNo,workNo\n",
		`{"workNo":"30012","at":"18:00","meta":{"a":"b"}}` + "\n{", "{}\n[]", "", "\n\n", "workNo,whenIdle,graceUntil\n30012,true,+5m\n",
	} {
		f.Add(seed)
	}
	d := Defaults{Name: "f", VCC: "default", Now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), Loc: time.UTC,
		Rules: Rules{Immediate: true, Ignore: []string{"b*", "x"}, Meta: []string{"team"}}}
	f.Fuzz(func(t *testing.T, text string) {
		for row, err := range Read(strings.NewReader(text), d) {
			var line *LineError
			switch {
			case errors.As(err, &line):
				if line.Line < 1 || strings.Contains(err.Error(), "\n") {
					t.Errorf("%q", err)
				}
			case err == nil:
				if invalid := errors.Join(row.Command.Validate(), messages.ValidateVCC(row.VCC)); invalid != nil {
					t.Errorf("%+v: %v", row, invalid)
				}
			}
		}
	})
}

// FuzzShape: whatever a shape holds, nothing panics, and what is taken can be followed.
func FuzzShape(f *testing.F) {
	for _, seed := range []string{"columns: {workNo: id, at: end}\nmeta: [a]\nwhere: [a=b]\n", "zones: {A: UTC}\ndates: dmy\n", "a: [", "- b", ""} {
		f.Add(seed, "id,end,a\n30012,18:00,b\n")
	}
	d := Defaults{Name: "f", VCC: "default", Now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), Loc: time.UTC}
	f.Fuzz(func(t *testing.T, shape, text string) {
		s, err := ParseShape([]byte(shape))
		if err != nil {
			return
		}
		d := d
		if d.Rules, err = s.Rules(); err != nil {
			return
		}
		for row, err := range Read(strings.NewReader(text), d) {
			if err == nil && (row.Command.Validate() != nil || row.Command.NotBefore.IsZero()) {
				t.Errorf("%+v", row)
			}
		}
	})
}
