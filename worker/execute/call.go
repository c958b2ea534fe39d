package execute

import (
	"cmp"
	"context"
	"log/slog"
	"runtime"
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/outage"
	"github.com/forcelogout/forcelogout/worker/retcode"
	"github.com/forcelogout/forcelogout/worker/session"
)

// call makes one force-logout call.
func (e *Executor) call(ctx context.Context, x *execution) job.Seen {
	if err := e.limit(ctx, x); err != nil {
		return e.barred(x, err)
	}
	if seen, ok := e.takeTurn(ctx, x); !ok {
		return seen
	}
	if err := e.fence(ctx, x); err != nil {
		return e.barred(x, err)
	}
	if e.Policy.Confirm {
		// Before the call: the event may be faster than the answer.
		x.unwatch()
		x.signedOut, x.unwatch = e.Inspectors.Watch(x.Command.WorkNo)
	}
	seen := job.Seen{What: job.Answered}
	var took time.Duration
	var trouble string
	var changed error
	var used *session.Use
	down, err := e.exchange(ctx, x, func(ctx context.Context, use *session.Use) shown {
		still, looked := e.lookAgain(ctx, x, use)
		if changed = e.lastLook(ctx, x); changed == nil && !still {
			changed = errChanged
		}
		if changed != nil {
			return looked
		}
		begin := time.Now()
		if x.StartedAt.IsZero() {
			e.Metrics.QueueAge(begin.Sub(clock.Later(x.FirstStored, x.Command.NotBefore)))
		}
		x.Began(use.Inspector, begin)
		used, seen.Inspector = use, use.Inspector
		seen.Answer, seen.Err = e.Gateway.ForceLogout(ctx, use.Session, x.Command.WorkNo)
		took = time.Since(begin)
		seen.Verdict = e.Classifier.Call(seen.Answer, seen.Err)
		trouble = job.Trouble(seen.Answer, seen.Err, seen.Verdict)
		found := shown{aboutInspector(x.Job, seen), outage.HealthOf(seen.Verdict), trouble}
		found.GUID = cmp.Or(found.GUID, looked.GUID)
		return found
	})
	// Yield: let the goroutine that waited for this inspector start its call before this
	// one writes the result.
	runtime.Gosched()
	if err = cmp.Or(err, changed); err != nil {
		return e.barred(x, err)
	}
	seen.Down = down
	if seen.Verdict.Class == retcode.Session {
		used.Refused() // after the exchange, which takes up a new GUID if one came with the answer
	}
	e.tell(ctx, x, seen, trouble, took)
	if err := ctx.Err(); err != nil {
		return e.barred(x, err)
	}
	return seen
}

// lastLook is what is checked when nothing is between the command and its call any more.
func (e *Executor) lastLook(ctx context.Context, x *execution) error {
	switch {
	case x.d.Withdrawn() != nil:
		return job.ErrWithdrawn
	case e.Protected.Has(x.Command.WorkNo), e.isTurnOver(x):
		return errChanged
	}
	if e.isClaimFresh(x) {
		return nil
	}
	return e.fence(ctx, x) // it has waited long for an inspector
}

// lookAgain asks for the agent's state once more, right before the call, where it was
// asked for too long ago. It reports whether the call may still be made.
func (e *Executor) lookAgain(ctx context.Context, x *execution, use *session.Use) (still bool, found shown) {
	if !x.IsStale(time.Now()) {
		return true, shown{}
	}
	state, answer, err := e.Gateway.AgentState(ctx, use.Session, x.Command.WorkNo)
	v := e.Classifier.State(answer, err)
	return x.Still(state, v, time.Now()), ofQuery(answer, v)
}

// tell counts a call, and says what it came to.
func (e *Executor) tell(ctx context.Context, x *execution, seen job.Seen, trouble string, took time.Duration) {
	e.Metrics.Call(string(seen.Verdict.Class), seen.Answer.Retcode, took)
	e.Book.Attempted(x.Job, seen.Answer, trouble)
	if !e.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	e.Log.LogAttrs(ctx, slog.LevelDebug, "attempt", x.Attr(), slog.String("inspector", x.Inspector),
		slog.Int("call", x.Calls), slog.String("class", string(seen.Verdict.Class)), slog.String("retcode", seen.Answer.Retcode),
		slog.Int("http_status", seen.Answer.HTTPStatus), slog.String("answer", trouble), slog.Duration("took", took))
}

// aboutInspector is what an answer to a call tells about the inspector.
func aboutInspector(j *job.Job, seen job.Seen) session.Report {
	v := seen.Verdict
	return session.Report{
		WorkNo:   j.Command.WorkNo,
		GUID:     seen.Answer.GUID,
		Busy:     v.Hint == job.TooFast,
		NoRight:  v.Hint == job.NoRight,
		Heard:    heard(seen.Answer, v),
		Accepted: v.Class == retcode.Success || v.Hint == job.AskState && !v.Few,
		Instead:  j.Avoid,
	}
}

// heard reports whether the gateway itself has answered, and accepted the session.
func heard(answer gateway.Answer, v job.Verdict) bool {
	return v.Class != retcode.Session && answer.Retcode != ""
}

// limit keeps to the rate. Waiting for it holds no slot.
func (e *Executor) limit(ctx context.Context, x *execution) error {
	if e.limiter == nil {
		return nil
	}
	turn := e.limiter.Reserve()
	d := turn.Delay()
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(min(d, max(0, time.Until(x.Expires))))
	defer timer.Stop()
	var err error
	select {
	case <-timer.C:
		return nil
	case <-e.Draining:
		err = errDraining
	case <-x.withdrawal():
		err = job.ErrWithdrawn
	case <-ctx.Done():
		err = ctx.Err()
	}
	turn.Cancel()
	return err
}
