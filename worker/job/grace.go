package job

import (
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Grace is what an agent on a call has where a command does not say: time to end it, and
// their after-call work. The zero value is none.
type Grace struct {
	For    time.Duration // from when the command is due
	WrapUp time.Duration
}

// mostReserve is the longest time that is kept for the call itself after the grace.
const mostReserve = time.Minute

// give lets the agent end a call, where the command does not say. The command lives no
// longer for it: a quarter of its life, a minute at most, is kept for the call.
func (g Grace) give(j *Job) {
	c := &j.Command
	if g.For == 0 || c.WhenIdle {
		return
	}
	due := j.FirstStored
	if c.NotBefore.After(due) {
		due = c.NotBefore
	}
	life := j.Expires.Sub(due)
	until := due.Add(min(g.For, life-min(life/4, mostReserve)))
	if until.After(due) {
		c.WhenIdle, c.GraceUntil, c.WrapUp = true, until, messages.Duration(g.WrapUp)
	}
}
