package execute

import (
	"context"
	"time"

	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/pace"
)

// takeTurn keeps to the pace of all workers. It waits for a turn that is near, and holds no
// slot meanwhile; else it takes none. Without an answer of NATS there is no call.
func (e *Executor) takeTurn(ctx context.Context, x *execution) (barred job.Seen, ok bool) {
	if e.Pace == nil {
		return barred, true
	}
	var at time.Time
	var taken bool
	if err := e.insist(ctx, x, func() (err error) {
		at, taken, err = e.Pace.Turn(ctx)
		return err
	}); err != nil {
		return e.barred(x, err), false
	}
	if !taken {
		return job.Seen{What: job.Paced, Until: at}, false
	}
	x.turn = at
	back, _ := x.d.StepAside()
	defer back()
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return barred, true
	case <-x.withdrawal():
		return e.barred(x, job.ErrWithdrawn), false
	case <-e.Draining:
		return e.barred(x, errDraining), false
	case <-ctx.Done():
		return e.barred(x, ctx.Err()), false
	}
}

// isTurnOver reports whether the call has waited too long since its turn.
func (e *Executor) isTurnOver(x *execution) bool {
	return e.Pace != nil && time.Since(x.turn) > pace.Lasts
}
