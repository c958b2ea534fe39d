package execute

import (
	"context"
	"errors"
	"time"

	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/outage"
	"github.com/forcelogout/forcelogout/worker/session"
)

// Why an exchange did not take place.
var (
	errDraining = errors.New("the worker is shutting down")
	errTooLate  = errors.New("the command expired")
	errChanged  = errors.New("what the call was decided on may have changed")
)

// exchange makes one request in an inspector's name and holds the inspector only that
// long. What can forbid a call (drain, lease, expiry) is checked before queueing for an
// inspector, and again when one is free. It returns whether the gateway counts as down and
// the exchange has shown it.
func (e *Executor) exchange(ctx context.Context, x *execution, request func(context.Context, *session.Use) shown) (down bool, err error) {
	x.d.Ensure(ctx, e.Policy.CallTimeout)
	if _, err := e.mayCall(x); err != nil {
		return false, err // without waiting for a turn that it will not use
	}
	use, err := e.take(x)
	if err != nil {
		return false, err
	}
	var found shown
	defer func() { use.Done(found.Report) }()
	x.d.Ensure(ctx, e.Policy.CallTimeout)
	begin := time.Now()
	until, err := e.mayCall(x)
	if err != nil {
		return false, err
	}
	end, err := e.Gate.Begin(x.Command.WorkNo, x.Calls > 0)
	if err != nil {
		return false, err
	}
	if e.Gate.Halted() {
		e.Gateway.Redial() // the connections that there are may be what is down
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	found = request(ctx, use)
	if until.Sub(begin) < e.Policy.CallTimeout && ctx.Err() != nil {
		found.health = outage.Nothing // the command's time was short, not the gateway slow
	}
	end(found.health, found.why)
	return found.health.IsBad() && e.Gate.Halted(), nil
}

// shown is what an exchange shows, about the inspector and about the gateway.
type shown struct {
	session.Report
	health outage.Health
	why    string // the health is bad
}

// take waits for an inspector as long as the call may be made.
func (e *Executor) take(x *execution) (*session.Use, error) {
	// A withdrawal that was known before does not stop the wait: the inspector is needed to
	// ask whether the agent is signed out.
	stop := session.Stop{Drained: e.Draining, Gone: x.withdrawal(), At: x.Until()}
	use, err := e.Inspectors.Take(stop, x.wish())
	if !errors.Is(err, session.ErrStopped) {
		return use, err
	}
	if _, err = e.mayCall(x); err == nil {
		err = job.ErrWithdrawn
	}
	return nil, err
}

// mayCall returns until when the call may last: no longer than the command lives and than
// this worker surely holds it. It is a moment and no length of time: a process that is
// stopped before its call begins must find the time over when it wakes.
func (e *Executor) mayCall(x *execution) (until time.Time, err error) {
	select {
	case <-e.Draining:
		return until, errDraining
	default:
	}
	now := time.Now() // before the lease is looked at, for the same reason
	lease := x.d.Remaining()
	if lease < job.ShortestCall {
		return until, job.ErrLost
	}
	left := x.Until().Sub(now)
	if left < job.ShortestCall {
		return until, errTooLate
	}
	return now.Add(min(e.Policy.CallTimeout, lease, left)), nil
}

// wish says which inspectors may make the command's call, or ask about its agent.
func (x *execution) wish() session.Wish {
	if x.Orphan != nil {
		return session.Wish{WorkNo: x.Command.WorkNo, By: x.Until()}
	}
	return session.Wish{Inspector: x.Command.Inspector, WorkNo: x.Command.WorkNo, Avoid: x.Avoid, By: x.Until()}
}

// withdrawal is closed when the command is withdrawn; nil where that is known already.
func (x *execution) withdrawal() <-chan struct{} {
	if x.Cancelled != nil || x.d.Withdrawn() != nil {
		return nil
	}
	return x.d.Gone()
}

// barred is what kept a step from being done, as it is seen.
func (e *Executor) barred(x *execution, err error) job.Seen {
	seen := job.Seen{Err: err}
	switch {
	case errors.Is(err, errDraining):
		seen.What = job.Draining
	case errors.Is(err, job.ErrLost):
		seen.What = job.LeaseLost
	case errors.Is(err, errSettled):
		seen.What = job.Settled
	case errors.Is(err, errTwin):
		seen.What = job.Twin
	case errors.Is(err, job.ErrWithdrawn), errors.Is(err, errChanged):
		seen.What = job.Ready
	case errors.Is(err, errTooLate):
		seen.What = job.TooLate
	case errors.Is(err, session.ErrPending), errors.Is(err, session.ErrDown):
		seen.What = job.SessionPending
	case errors.Is(err, session.ErrHalted), errors.Is(err, outage.ErrHalted):
		seen.What, seen.Untried = job.GatewayDown, x.Calls == 0 && e.Gate.IsFresh(x.Command.WorkNo)
	case errors.Is(err, session.ErrUnknown):
		seen.What = job.UnknownHere
	case errors.Is(err, session.ErrItself):
		seen.What = job.Itself
	default: // the worker ends without delay; the server redelivers
		seen.What = job.Stopped
	}
	return seen
}
