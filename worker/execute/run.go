// Package execute takes an admitted command to its end: a result, or back to the server.
// Run is the loop; package job decides, and each file here is one thing that it can do.
package execute

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/worker/intake"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/record"
)

// execution is one command's life in this worker. It belongs to one goroutine.
type execution struct {
	*job.Job
	d         *intake.Delivery
	header    nats.Header // of its message
	note      uint64      // sequence of the last note about it, 0 for none
	claimedAt time.Time   // zero where it is not claimed
	turn      time.Time   // of its next call, where calls are paced

	signedOut <-chan struct{} // closed at the event that the agent has signed out; nil where nobody watches
	unwatch   func()
}

// Run takes a command to its end, and releases its delivery. Note is the sequence of the
// last note about it.
func (e *Executor) Run(ctx context.Context, d *intake.Delivery, j *job.Job, note uint64) {
	x := &execution{Job: j, d: d, header: d.Header(), note: note, unwatch: func() {}}
	defer func() { x.unwatch() }()
	seen := job.Seen{What: job.Ready}
	for {
		step := job.Decide(j, e.present(x, seen), e.Policy, time.Now())
		switch step.Do {
		case job.Wait:
			seen = e.wait(ctx, x, step)
		case job.AwaitSession:
			seen = e.awaitSession(ctx, x, step)
		case job.Secure:
			seen = e.secure(ctx, x)
		case job.Query:
			seen = e.query(ctx, x)
		case job.Call:
			seen = e.call(ctx, x)
		case job.Keep:
			seen = e.keep(ctx, x)
		case job.Confirm:
			seen = e.confirm(ctx, x)
		case job.End:
			e.end(ctx, x, step.Ending)
			return
		default:
			e.leave(ctx, x, step)
			d.Release()
			return
		}
	}
}

// present adds the current withdrawal, delivery, lease and protection to what was seen.
func (e *Executor) present(x *execution, seen job.Seen) job.Seen {
	seen.Withdrawn, seen.Delivery, seen.Lost = x.d.Withdrawn(), x.d.Number(), x.d.Remaining() <= 0
	seen.Protected = e.Protected.Has(x.Command.WorkNo)
	return seen
}

// end records how the command ends. The book releases the delivery.
func (e *Executor) end(ctx context.Context, x *execution, ending job.Ending) {
	if x.d.Remaining() <= 0 {
		x.Redelivered = true // whoever has it by now may have called as well
	}
	x.d.Reporting()
	e.Book.Post(ctx, record.End{
		Job: x.Job, Header: x.header, Note: x.note, Ending: ending, Done: x.d.Ack, Release: x.d.Release,
	})
}

// leave lets a command go that has not ended here.
func (e *Executor) leave(ctx context.Context, x *execution, step job.Step) {
	switch step.Do {
	case job.Yield:
		e.yield(ctx, x, step)
	case job.Drop:
		e.leaveTrace(ctx, x)
		e.Book.Lost(ctx, x.Job)
	case job.Settle:
		e.Book.Skipped(ctx, x.Job, errSettled.Error())
		e.Book.Settle(ctx, x.Job, x.d.Ack())
	case job.LeaveToTwin:
		e.Book.Skipped(ctx, x.Job, errTwin.Error())
	}
}
