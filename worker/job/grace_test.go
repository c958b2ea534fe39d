package job

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// TestGrace: what a command says itself counts, and no grace makes one live longer.
func TestGrace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command messages.Command
		grace   Grace
		want    time.Duration // from start; 0 for none
	}{
		"no default":    {},
		"default":       {grace: Grace{For: 10 * time.Minute}, want: 10 * time.Minute},
		"too long":      {grace: Grace{For: time.Hour}, want: 14 * time.Minute},
		"for later":     {command: messages.Command{NotBefore: start.Add(time.Hour)}, grace: Grace{For: 10 * time.Minute}, want: 70 * time.Minute},
		"short life":    {command: messages.Command{ExpiresAt: start.Add(time.Minute)}, grace: Grace{For: 10 * time.Minute}, want: 45 * time.Second},
		"expired":       {command: messages.Command{ExpiresAt: start.Add(-time.Minute)}, grace: Grace{For: 10 * time.Minute}},
		"its own":       {command: messages.Command{WhenIdle: true, GraceUntil: start.Add(time.Minute)}, grace: Grace{For: 10 * time.Minute}, want: time.Minute},
		"at once":       {command: messages.Command{WhenIdle: true, GraceUntil: start}, grace: Grace{For: 10 * time.Minute}, want: -1},
		"issued before": {command: messages.Command{IssuedAt: start.Add(-10 * time.Minute)}, grace: Grace{For: 10 * time.Minute}, want: 4 * time.Minute},
	} {
		r := Reader{VCC: "default", MaxAge: 15 * time.Minute}
		want := r.Job(c.command, Source{Stored: start}).Expires
		r.Grace = c.grace
		j := r.Job(c.command, Source{Stored: start})
		if !j.Expires.Equal(want) {
			t.Errorf("%s: it expires at %v, without the default at %v", name, j.Expires, want)
		}
		switch {
		case c.want == -1:
			if !j.Command.GraceUntil.Equal(start) {
				t.Errorf("%s: until %v", name, j.Command.GraceUntil)
			}
		case c.want == 0:
			if j.Command.WhenIdle {
				t.Errorf("%s: until %v", name, j.Command.GraceUntil)
			}
		case !j.Command.GraceUntil.Equal(start.Add(c.want)):
			t.Errorf("%s: until %v after the start", name, j.Command.GraceUntil.Sub(start))
		}
	}
}
