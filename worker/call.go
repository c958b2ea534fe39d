package worker

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// Why a call did not take place.
var (
	errDraining  = errors.New("the worker is shutting down")
	errLeaseLost = errors.New("the lease ran out, another worker has the command")
	errExpired   = errors.New("the command expired")
	errItself    = errors.New("an inspector cannot sign itself out")
	errOther     = errors.New("the command names another inspector than this worker has")
)

// shortestCall is the least time that a call is started with: less would be cut
// off before an answer could come, and leave open whether it worked.
const shortestCall = 100 * time.Millisecond

// inSlot runs one HTTP exchange. The slot is held during the exchange and never
// longer. All that forbids a call is checked again when the slot is there.
func (w *Worker) inSlot(ctx context.Context, x *execution, exchange func(context.Context)) error {
	if _, err := w.mayCall(x); err != nil {
		return err // without waiting for a slot that it will not use
	}
	select {
	case w.slots <- struct{}{}:
	default:
		select {
		case w.slots <- struct{}{}:
		case <-w.draining:
			return errDraining
		}
	}
	defer func() { <-w.slots }()
	timeout, err := w.mayCall(x)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	exchange(ctx)
	return nil
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
	if left <= 0 {
		return 0, errExpired
	}
	switch inspector := w.session.Current().Inspector; {
	case x.cmd.Inspector != "" && x.cmd.Inspector != inspector:
		return 0, errOther
	case x.cmd.WorkNo == inspector: // the gateway would answer 000-005
		return 0, errItself
	}
	return min(w.cfg.CallTimeout, lease, left), nil
}

// callOnce makes one force-logout call and decides what its answer means.
func (w *Worker) callOnce(ctx context.Context, x *execution) (verdict, gateway.Session, error) {
	if err := w.limit(ctx, x); err != nil {
		return verdict{}, gateway.Session{}, err
	}
	var (
		answer  gateway.Answer
		callErr error
		took    time.Duration
	)
	session := w.session.Current()
	err := w.inSlot(ctx, x, func(ctx context.Context) {
		begin := time.Now()
		if x.startedAt.IsZero() {
			x.startedAt = begin
			w.metrics.QueueAge(begin.Sub(later(x.held.stored, x.cmd.NotBefore)))
		}
		x.calls++
		x.inspector = session.Inspector
		answer, callErr = w.gateway.ForceLogout(ctx, session, x.cmd.WorkNo)
		took = time.Since(begin)
	})
	if err != nil {
		return verdict{}, session, err
	}
	decision := w.classifier.classify(answer, callErr)
	x.answer, x.trouble = answer, trouble(answer, callErr, decision)
	if decision.class != ClassSession && answer.Retcode != "" {
		w.session.Accepted(session)
	}
	w.metrics.Call(string(decision.class), answer.Retcode, took)
	w.progressAttempt(x)
	w.log.LogAttrs(ctx, slog.LevelDebug, "attempt", x.attr(),
		slog.Int("call", x.calls), slog.String("class", string(decision.class)), slog.String("retcode", answer.Retcode),
		slog.Int("http_status", answer.HTTPStatus), slog.String("answer", x.trouble), slog.Duration("took", took))
	return decision, session, ctx.Err()
}

// askState asks whether the agent is signed in. Whatever keeps an answer from
// coming means unknown: the command goes on as usual.
func (w *Worker) askState(ctx context.Context, x *execution) (gateway.Presence, error) {
	presence := gateway.PresenceUnknown
	session := w.session.Current()
	err := w.inSlot(ctx, x, func(ctx context.Context) {
		var (
			answer gateway.Answer
			err    error
		)
		presence, answer, err = w.gateway.AgentState(ctx, session, x.cmd.WorkNo)
		w.log.LogAttrs(ctx, slog.LevelDebug, "agent state", x.attr(), slog.String("presence", presence.String()),
			slog.String("retcode", answer.Retcode), slog.Any("error", err))
	})
	if presence == gateway.PresenceSignedOut {
		x.inspector = session.Inspector
	}
	return presence, err
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
