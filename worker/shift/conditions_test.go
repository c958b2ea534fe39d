package shift

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// TestConditions: conditions for a whole file are those of rows that do not say so
// themselves, however they are written, and change no id.
func TestConditions(t *testing.T) {
	t.Parallel()
	d := testDefaults(t)
	at := time.Date(2026, 11, 24, 17, 0, 0, 0, time.UTC) // 18:00 in Madrid
	want := messages.Command{WhenIdle: true, GraceUntil: at.Add(10 * time.Minute), WrapUp: messages.Duration(time.Minute), SignedInBefore: at.Add(-4 * time.Hour)}
	own := want
	own.GraceUntil = at.Add(5 * time.Minute)
	impolite := messages.Command{SignedInBefore: want.SignedInBefore}
	earlier := want
	earlier.SignedInBefore = at.Add(-8 * time.Hour)
	for text, want := range map[string]messages.Command{
		"workNo,at\n30012,18:00":                                                                            want,
		"workNo,notBefore\n30012,18:00":                                                                     want,
		"workNo,at,graceUntil,whenIdle\n30012,18:00,+5m,true":                                               own,
		"workNo,at,graceUntil\n30012,18:00,+5m":                                                             own,
		"workNo,at,whenIdle\n30012,18:00,false":                                                             impolite,
		"workNo,at,signedInBefore\n30012,18:00,10:00":                                                       earlier,
		`{"workNo":"30012","at":"18:00"}`:                                                                   want,
		`{"workNo":"30012","at":"18:00","whenIdle":false}`:                                                  impolite,
		`{"workNo":"30012","at":"18:00","whenIdle":true,"graceUntil":"2026-11-24T17:05:00Z"}`:               own,
		`{"workNo":"30012","at":"18:00","signedInBefore":"2026-11-24T09:00:00Z"}`:                           earlier,
		`{"workNo":"30012","notBefore":"2026-11-24T17:00:00Z","expiresAt":"2026-11-24T17:15:00Z"}`:          want,
		"workNo,at,whenIdle,graceUntil,wrapUp,signedInBefore\n30012,18:00,true,18:10,60s,14:00":             want,
		`{"workNo":"30012","at":"18:00","whenIdle":true,"graceUntil":"2026-11-24T17:10:00Z","wrapUp":"1m"}`: want,
	} {
		d.Conditions = Conditions{}
		plain, bad, err := rowsOf(d, text)
		if d.Conditions = (Conditions{WhenIdle: "true", GraceUntil: "+10m", WrapUp: "60s", SignedInBefore: "14:00", StayOut: "2m"}); len(plain) != 1 {
			// A grace without whenIdle is no command by itself.
			plain, bad, err = rowsOf(d, text)
		}
		rows, _, _ := rowsOf(d, text)
		if err != nil || len(bad) > 0 || len(rows) != 1 {
			t.Errorf("%s: %d rows, %v, %v", text, len(rows), bad, err)
			continue
		}
		c := rows[0].Command
		if c.WhenIdle != want.WhenIdle || !c.GraceUntil.Equal(want.GraceUntil) || c.WrapUp != want.WrapUp || !c.SignedInBefore.Equal(want.SignedInBefore) {
			t.Errorf("%s: %+v", text, c)
		}
		if c.StayOut != messages.Duration(2*time.Minute) {
			t.Errorf("%s: stay out %v", text, c.StayOut)
		}
		if c.ID != plain[0].Command.ID {
			t.Errorf("%s: another id with conditions", text)
		}
		if c.WhenIdle && !c.ExpiresAt.After(c.GraceUntil) {
			t.Errorf("%s: it expires at %v", text, c.ExpiresAt)
		}
	}
	for text, line := range map[string]int{"workNo,whenIdle,graceUntil,wrapUp\n30012,true,+5m,soon": 2, "workNo,whenIdle,graceUntil,wrapUp\n30012,true,+5m,2h": 2, "workNo,wrapUp\n30012,60s": 2} {
		d.Conditions = Conditions{}
		if _, bad, err := rowsOf(d, text); bad[line] == "" {
			t.Errorf("%s: %v, %v", text, bad, err)
		}
	}
}
