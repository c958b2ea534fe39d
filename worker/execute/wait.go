package execute

import (
	"context"
	"errors"
	"time"

	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/session"
)

// wait lets time pass until the command is due or was withdrawn, and holds no slot.
func (e *Executor) wait(ctx context.Context, x *execution, step job.Step) job.Seen {
	e.awaits(x, step)
	back, ok := x.d.StepAside()
	if !ok {
		return job.Seen{What: job.NoPlace}
	}
	defer back()
	e.Book.Waits(x.Job, step, false)
	timer := time.NewTimer(time.Until(step.Until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.withdrawal():
	case <-e.Draining:
		return job.Seen{What: job.Draining}
	case <-ctx.Done():
		return job.Seen{What: job.Stopped}
	}
	return job.Seen{What: job.Ready}
}

// awaitSession waits until an inspector can make the command's call, or the command has
// expired or was withdrawn, and holds no slot. A session that is being renewed is worth
// the wait; where none is to be expected, other workers may have one.
func (e *Executor) awaitSession(ctx context.Context, x *execution, step job.Step) job.Seen {
	back, ok := x.d.StepAside()
	if !ok {
		return job.Seen{What: job.NoPlace}
	}
	defer back()
	e.Book.Waits(x.Job, step, false)
	expired := time.NewTimer(time.Until(step.Until))
	defer expired.Stop()
	for {
		changed := e.Inspectors.Changed()
		switch err := e.Inspectors.Possible(x.wish()); {
		case errors.Is(err, session.ErrDown):
			return job.Seen{What: job.NoInspector, Elsewhere: e.Inspectors.Possible(session.Wish{}) == nil}
		case !errors.Is(err, session.ErrPending):
			return job.Seen{What: job.Ready}
		}
		select {
		case <-changed:
		case <-expired.C:
			return job.Seen{What: job.Ready}
		case <-x.withdrawal():
			return job.Seen{What: job.Ready}
		case <-e.Draining:
			return job.Seen{What: job.Draining}
		case <-ctx.Done():
			return job.Seen{What: job.Stopped}
		}
	}
}

// awaits tells the gate that a command comes back to try the gateway with.
func (e *Executor) awaits(x *execution, step job.Step) {
	if step.For == job.ForGateway {
		e.Gate.Await(step.Until)
	}
}
