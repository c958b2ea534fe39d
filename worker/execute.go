package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
	"github.com/forcelogout/forcelogout/worker/session"
)

const (
	// maxRenewals is how often in a row one command takes up another or a renewed
	// session, before it rests: they may all be refused.
	maxRenewals = 3
	refusedRest = otherInspector
)

// execution is one command's life in this worker.
type execution struct {
	held   *held // nil where it only expires, see expire.go
	vcc    string
	header nats.Header // of its message
	cmd    messages.Command

	issuedAt  time.Time
	dueAt     time.Time // not before
	expires   time.Time // never after
	startedAt time.Time // first call; zero before

	calls     int // force-logout calls made
	spent     int // calls that count against the attempts
	renewals  int
	overtaken int                    // calls in a row that the gateway refused because another was under way
	unread    int                    // state queries in a row that were not answered
	openUntil time.Time              // somebody else's call may be under way until then
	called    bool                   // by this execution
	restUntil time.Time              // another worker may be at it until then
	note      uint64                 // sequence of the last note about it, 0 for none
	claimedAt time.Time              // zero where it is not claimed
	cancelled *messages.Cancellation // nil unless withdrawn
	lookedAt  time.Time              // the agent's state was told in this attempt; zero where not

	redelivered bool // an earlier worker may have called already
	effect      effect
	ask         bool // the agent's state decides before the next call
	ending      bool // it was withdrawn, and only its end is looked for
	onCall      bool // he may end his call first
	noSession   bool // it waits for an inspector
	noGateway   bool // it waits for the end of an outage
	halted      bool // the last exchange failed with the gateway as a whole
	confirmed   *bool

	inspector string         // who acted
	avoid     string         // who had no right to
	answer    gateway.Answer // the last one
	trouble   string         // what the last call came to, for people

	phase phase // what it takes of the room
}

func (x *execution) attr() slog.Attr {
	return slog.Group("command", slog.String("id", x.cmd.ID), slog.String("work_no", x.cmd.WorkNo))
}

// dueIn is how long the command has to wait, 0 where it is due.
func (x *execution) dueIn() time.Duration {
	// Never due before the zero time: the difference would overflow.
	if x.dueAt.IsZero() {
		return 0
	}
	return max(0, time.Until(x.dueAt))
}

// execute takes an admitted command to its end: a result, or back to the server.
func (w *Worker) execute(ctx context.Context, x *execution) {
	for {
		x.notice()
		if !w.wait(ctx, x) {
			return
		}
		end, err := w.advance(ctx, x)
		switch {
		case errors.Is(err, errDraining):
			w.handBack(ctx, x)
			return
		case errors.Is(err, errLeaseLost):
			w.leaveTrace(ctx, x)
			w.logLost(ctx, x)
			return
		case errors.Is(err, errSettled):
			w.logSkipped(ctx, x, err.Error())
			w.settle(ctx, x, x.acknowledge())
			return
		case errors.Is(err, errTwin):
			w.logSkipped(ctx, x, err.Error())
			return
		case errors.Is(err, errWithdrawn), errors.Is(err, errChanged):
			continue
		case errors.Is(err, errExpired):
			// There may be a moment left, too short for a call.
			time.Sleep(time.Until(x.expires))
			end = x.lapsed()
		case errors.Is(err, session.ErrPending), errors.Is(err, session.ErrDown):
			if !w.awaitSession(ctx, x) {
				return
			}
			continue
		case errors.Is(err, session.ErrHalted):
			w.awaitGateway(ctx, x)
			return
		case errors.Is(err, session.ErrUnknown):
			if w.awaitOthers(ctx, x) {
				return
			}
			end = &ending{messages.OutcomeFailed, messages.CauseNoSession, err.Error()}
		case errors.Is(err, session.ErrItself):
			end = &ending{messages.OutcomeFailed, messages.CauseRefused, err.Error()}
		case err != nil: // the worker ends without delay; the server redelivers
			return
		}
		if end != nil {
			w.report(ctx, x, *end)
			return
		}
	}
}

// ending is how a command ends.
type ending struct {
	outcome messages.Outcome
	cause   messages.Cause
	text    string
}

// lapsed is the end of a command whose time has run out. What the gateway has said goes
// before, and that it was withdrawn and never called for: whoever withdrew it was told so.
func (x *execution) lapsed() *ending {
	switch end := x.withdrawn(); {
	case x.effect == effectClaimed:
		return x.done(gateway.PresenceUnknown) // the gateway said so in time
	case end != nil && x.effect == effectNone:
		return end
	}
	return x.expired()
}

func (x *execution) expired() *ending {
	cause, text := messages.CauseExpiredBeforeAttempt, "too late: it expired at "+x.expires.UTC().Format(time.RFC3339)
	if x.calls > 0 || x.redelivered {
		cause = messages.CauseExpiredWhileRetrying
		if x.trouble != "" {
			text += "; the last call: " + x.trouble
		}
	}
	return &ending{messages.OutcomeExpired, cause, text}
}

// advance takes a command that is due one step on: to its end, or to the next wait.
func (w *Worker) advance(ctx context.Context, x *execution) (*ending, error) {
	if err := w.secure(ctx, x); err != nil {
		return nil, err
	}
	if x.withdrawn() != nil {
		return w.withdraw(ctx, x)
	}
	return w.attempt(ctx, x)
}

// notice lets a command that was just withdrawn wait for nothing but its end. Where a call
// may be under way the wait goes on: a question that is answered before the call works would
// be answered wrongly.
func (x *execution) notice() {
	if x.ending || x.withdrawn() == nil {
		return
	}
	x.ending = true
	if x.effect != effectPossible {
		x.dueAt = time.Time{}
	}
}

// attempt asks the agent's state where that may decide, and else calls once.
// It returns the command's end, or nil to go on with x.dueAt set.
func (w *Worker) attempt(ctx context.Context, x *execution) (*ending, error) {
	x.lookedAt = time.Time{}
	if end, open, err := w.alreadyOut(ctx, x); end != nil || open || err != nil {
		return end, err
	}
	if end := w.exhausted(x); end != nil {
		return end, nil
	}
	if end, call, err := w.spare(ctx, x); !call {
		return end, err
	}
	var out <-chan struct{}
	if w.cfg.Confirm {
		// Before the call: the event may be faster than the answer.
		heard, stop := w.inspectors.Watch(x.cmd.WorkNo)
		defer stop()
		out = heard
	}
	decision, used, err := w.callOnce(ctx, x)
	if err != nil {
		return nil, err
	}
	switch decision.class {
	case ClassSuccess:
		if w.cfg.Confirm {
			return w.confirm(ctx, x, out)
		}
		return &ending{outcome: messages.OutcomeSignedOut}, nil
	case ClassPermanent:
		return &ending{messages.OutcomeFailed, messages.CauseRefused, "the gateway refused: " + x.trouble}, nil
	case ClassSession:
		w.renew(x, used)
		return nil, nil
	default:
		return w.goOn(ctx, x, decision)
	}
}

// goOn decides what a transient answer means for the next call.
func (w *Worker) goOn(ctx context.Context, x *execution, decision verdict) (*ending, error) {
	if decision.mayHaveWorked(x.answer) {
		// The agent's state decides before the next call, but it is not asked right away,
		// to spare a gateway in trouble.
		x.ask = true
		x.raise(effectPossible)
	}
	if decision.hint == tooFast {
		// Somebody calls for this agent at this moment: that is no failure of this command.
		x.overtaken++
		x.openUntil = time.Now().Add(w.cfg.CallTimeout)
		x.dueAt = time.Now().Add(min(w.cfg.CallTimeout, w.cfg.Retry.delay(x.overtaken, x.answer.RetryAfter)))
		return nil, nil
	}
	x.overtaken = 0
	return w.retryLater(ctx, x, decision.hint == askState)
}

// renew reacts to an answer about our own session: with another one, or when this
// one has been found good, the command goes on and has lost no attempt.
func (w *Worker) renew(x *execution, used *session.Use) {
	used.Refused()
	if x.renewals++; x.renewals%maxRenewals == 0 {
		x.dueAt = time.Now().Add(x.pause(refusedRest, longRest))
	}
}

// retryLater counts the attempt and sets when the next one is due. Where an
// agent's state can make it needless, it asks at once. While the gateway is down
// nothing counts, and another command's call is tried first.
func (w *Worker) retryLater(ctx context.Context, x *execution, ask bool) (*ending, error) {
	if x.halted {
		x.dueAt = time.Now().Add(max(x.pause(haltedRest, longRest), w.cfg.Retry.wished(x.answer.RetryAfter)))
		w.outage.await(x.dueAt)
		return nil, nil
	}
	x.spent++
	x.dueAt = time.Now().Add(w.cfg.Retry.delay(x.spent, x.answer.RetryAfter))
	if !ask {
		return w.exhausted(x), nil
	}
	x.ask = true
	if end, open, err := w.alreadyOut(ctx, x); end != nil || open || err != nil {
		return end, err
	}
	return w.exhausted(x), nil
}

// exhausted is the end of a command whose attempts are used up, unless its last call may
// have worked and the agent's state has still to be asked.
func (w *Worker) exhausted(x *execution) *ending {
	if x.spent >= retcode.FewAttempts && w.classifier.classify(x.answer, nil).few {
		return &ending{messages.OutcomeFailed, messages.CauseRefused, "the gateway refused: " + x.trouble}
	}
	most := w.cfg.Retry.MaxAttempts
	if x.spent < most && x.unread < most || x.ask && x.effect == effectPossible && x.unread < most {
		return nil
	}
	return &ending{messages.OutcomeFailed, messages.CauseRetriesExhausted,
		fmt.Sprintf("still failing after %d calls, the last: %s", x.calls, x.trouble)}
}
