package worker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strconv"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/session"
)

// Why a call did not take place.
var (
	errDraining  = errors.New("the worker is shutting down")
	errLeaseLost = errors.New("the lease ran out, another worker has the command")
	errExpired   = errors.New("the command expired")
)

// shortestCall is the least time that a call is started with. Less would be cut off
// before an answer could come, and leave open whether it worked; or the call would
// reach the gateway after the command's end.
const shortestCall = 100 * time.Millisecond

// byInspector runs one HTTP exchange on behalf of an inspector, who is taken
// during the exchange and never longer. All that forbids a call is checked again
// when one is free.
func (w *Worker) byInspector(ctx context.Context, x *execution, exchange func(context.Context, *session.Use) seen) error {
	w.leases.ensure(ctx, x.held, w.cfg.CallTimeout)
	if _, err := w.mayCall(x); err != nil {
		return err // without waiting for a turn that it will not use
	}
	use, err := w.take(x)
	if err != nil {
		return err
	}
	var found seen
	defer func() { use.Done(found.Report) }()
	w.leases.ensure(ctx, x.held, w.cfg.CallTimeout)
	timeout, err := w.mayCall(x)
	if err != nil {
		return err
	}
	end, err := w.outage.begin(x.cmd.WorkNo)
	if err != nil {
		return err
	}
	if w.outage.halted() {
		w.gateway.Redial() // the connections that there are may be what is down
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found = exchange(ctx, use)
	if timeout < w.cfg.CallTimeout && ctx.Err() != nil {
		found.sign = noSign // the command's time was short, not the gateway slow
	}
	end(found.sign, found.why)
	x.halted = found.sign.bad() && w.outage.halted()
	return nil
}

// seen is what an exchange shows, about the inspector and about the gateway.
type seen struct {
	session.Report
	sign sign
	why  string // the sign is bad
}

// take waits for an inspector as long as the call may be made.
func (w *Worker) take(x *execution) (*session.Use, error) {
	// Where it was withdrawn before, the question is whether the agent is signed out.
	stop := session.Stop{Drained: w.draining, Gone: x.gone(), At: x.expires}
	use, err := w.inspectors.Take(stop, x.wish())
	if !errors.Is(err, session.ErrStopped) {
		return use, err
	}
	if _, err = w.mayCall(x); err == nil {
		err = errWithdrawn
	}
	return nil, err
}

// mayCall returns how long the call may take: no longer than the command lives
// and than this worker surely holds it.
func (w *Worker) mayCall(x *execution) (time.Duration, error) {
	select {
	case <-w.draining:
		return 0, errDraining
	default:
	}
	lease := w.leases.remaining(x.held)
	if lease < shortestCall {
		return 0, errLeaseLost
	}
	left := time.Until(x.expires)
	if left < shortestCall {
		return 0, errExpired
	}
	return min(w.cfg.CallTimeout, lease, left), nil
}

// callOnce makes one force-logout call and decides what its answer means.
func (w *Worker) callOnce(ctx context.Context, x *execution) (decision verdict, used *session.Use, err error) {
	if err := w.limit(ctx, x); err != nil {
		return verdict{}, nil, err
	}
	if err := w.fence(ctx, x); err != nil {
		return verdict{}, nil, err
	}
	var took time.Duration
	var barred error
	err = w.byInspector(ctx, x, func(ctx context.Context, use *session.Use) seen {
		call, looked := w.lookAgain(ctx, x, use)
		if barred = w.lastLook(ctx, x); barred == nil && !call {
			barred = errChanged
		}
		if barred != nil {
			return looked
		}
		used, x.called = use, true
		begin := time.Now()
		if x.startedAt.IsZero() {
			x.startedAt = begin
			w.metrics.QueueAge(begin.Sub(later(storedAt(x.header, x.held.stored), x.cmd.NotBefore)))
		}
		x.calls++
		x.inspector = use.Inspector
		answer, callErr := w.gateway.ForceLogout(ctx, use.Session, x.cmd.WorkNo)
		took = time.Since(begin)
		decision = w.classifier.classify(answer, callErr)
		x.answer, x.trouble = answer, trouble(answer, callErr, decision)
		found := seen{x.report(decision, answer), decision.sign(), x.trouble}
		found.GUID = cmp.Or(found.GUID, looked.GUID)
		return found
	})
	err = cmp.Or(err, barred)
	// The next call first: whoever waited for this one to end has just been let go, and
	// would wait for this processor until the result is written.
	runtime.Gosched()
	if err != nil {
		return verdict{}, nil, err
	}
	x.avoid = ""
	if decision.hint == noRight {
		x.avoid = used.Inspector
	}
	w.metrics.Call(string(decision.class), x.answer.Retcode, took)
	w.progressAttempt(x)
	w.logAttempt(ctx, x, decision, took)
	return decision, used, ctx.Err()
}

// lastLook is what is checked when nothing is between the command and its call any more.
func (w *Worker) lastLook(ctx context.Context, x *execution) error {
	if x.withdrawn() != nil {
		return errWithdrawn
	}
	if w.isClaimFresh(x) {
		return nil
	}
	return w.fence(ctx, x) // it has waited long for an inspector
}

func (w *Worker) logAttempt(ctx context.Context, x *execution, decision verdict, took time.Duration) {
	if !w.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	w.log.LogAttrs(ctx, slog.LevelDebug, "attempt", x.attr(), slog.String("inspector", x.inspector),
		slog.Int("call", x.calls), slog.String("class", string(decision.class)), slog.String("retcode", x.answer.Retcode),
		slog.Int("http_status", x.answer.HTTPStatus), slog.String("answer", x.trouble), slog.Duration("took", took))
}

// report is what an answer tells about the inspector.
func (x *execution) report(decision verdict, answer gateway.Answer) session.Report {
	return session.Report{
		WorkNo:   x.cmd.WorkNo,
		GUID:     answer.GUID,
		Busy:     decision.hint == tooFast,
		NoRight:  decision.hint == noRight,
		Heard:    decision.class != ClassSession && answer.Retcode != "",
		Accepted: decision.class == ClassSuccess || decision.hint == askState && !decision.few,
		Instead:  x.avoid,
	}
}

// limit keeps to --rate. Waiting for it holds no slot.
func (w *Worker) limit(ctx context.Context, x *execution) error {
	if w.limiter == nil {
		return nil
	}
	turn := w.limiter.Reserve()
	d := turn.Delay()
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(min(d, max(0, time.Until(x.expires))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-w.draining:
		turn.Cancel()
		return errDraining
	case <-x.gone():
		turn.Cancel()
		return errWithdrawn
	case <-ctx.Done():
		turn.Cancel()
		return ctx.Err()
	}
}

// trouble is one phrase about a call that did not work.
func trouble(answer gateway.Answer, err error, decision verdict) string {
	switch {
	case err != nil:
		return decision.meaning + ": " + err.Error()
	case decision.class == ClassSuccess:
		return ""
	case answer.Retcode == "":
		return "HTTP " + strconv.Itoa(answer.HTTPStatus) + ", " + decision.meaning
	case answer.Message != "":
		return answer.Retcode + " " + decision.meaning + " (" + answer.Message + ")"
	default:
		return answer.Retcode + " " + decision.meaning
	}
}
