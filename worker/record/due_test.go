package record

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/job"
)

// TestDue: a command is late from its publication, notBefore or graceUntil on, whichever is
// last.
func TestDue(t *testing.T) {
	t.Parallel()
	at := func(hour int) time.Time { return time.Date(2026, 1, 31, hour, 0, 0, 0, time.UTC) }
	for name, test := range map[string]struct {
		job  job.Job
		want time.Time
	}{
		"for now":           {job.Job{FirstStored: at(17)}, at(17)},
		"published again":   {job.Job{FirstStored: at(17), Stored: at(19)}, at(17)},
		"for later":         {job.Job{FirstStored: at(17), Command: messages.Command{NotBefore: at(18)}}, at(18)},
		"after its time":    {job.Job{FirstStored: at(19), Command: messages.Command{NotBefore: at(18)}}, at(19)},
		"on a call perhaps": {job.Job{FirstStored: at(17), Command: messages.Command{NotBefore: at(18), GraceUntil: at(20)}}, at(20)},
	} {
		if got := due(&test.job); !got.Equal(test.want) {
			t.Errorf("%s: due at %v, want %v", name, got, test.want)
		}
	}
}
