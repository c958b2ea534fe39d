package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/session"
)

// look is what a state query came to.
type look struct {
	gateway.State
	verdict
	answered bool // the gateway has said what it knows; false where it may know more later
}

// askState asks how the agent is. Whatever keeps an answer from coming means
// unknown, and the verdict says why. Only a refused session is renewed first, and
// the question open until then.
func (w *Worker) askState(ctx context.Context, x *execution) (look, error) {
	var l look
	var refused *session.Use
	err := w.byInspector(ctx, x, func(ctx context.Context, use *session.Use) seen {
		state, answer, err := w.gateway.AgentState(ctx, use.Session, x.cmd.WorkNo)
		l.State, l.verdict = state, w.classifier.classifyState(answer, err)
		l.answered = l.class != ClassSession && l.class != ClassTransient
		x.lookedAt = time.Now()
		w.log.LogAttrs(ctx, slog.LevelDebug, "agent state", x.attr(), slog.String("presence", state.Presence.String()),
			slog.Bool("on_call", state.OnCall), slog.String("retcode", answer.Retcode), slog.Any("error", err))
		if state.Presence == gateway.PresenceSignedOut {
			x.inspector = use.Inspector
		}
		if l.class == ClassSession {
			refused = use
		}
		found := seen{
			Report: session.Report{GUID: answer.GUID, Heard: l.class != ClassSession && answer.Retcode != ""},
			why:    l.meaning,
		}
		// That questions are answered does not show that sign-outs would be.
		if s := l.sign(); s.bad() {
			found.sign = s
		}
		return found
	})
	if err != nil {
		return l, err
	}
	x.seenAs(l.Presence)
	if refused == nil {
		return l, nil
	}
	refused.Refused()
	if x.renewals++; x.renewals%maxRenewals == 0 {
		return l, nil
	}
	return l, session.ErrPending
}

// alreadyOut asks the agent's state if that is open. Only a state query proves
// that the agent is signed out. Where a call may have worked, no other is made before a
// query has been answered: alreadyOut reports true then, and the command goes on later.
func (w *Worker) alreadyOut(ctx context.Context, x *execution) (end *ending, open bool, err error) {
	if !x.ask {
		return nil, false, nil
	}
	state, err := w.askState(ctx, x)
	switch {
	case err != nil:
		return nil, false, err
	case state.Presence == gateway.PresenceSignedOut:
		return x.out(state.State), false, nil
	case !state.answered && x.effect == effectPossible:
		w.askLater(x, state)
		return w.exhausted(x), true, nil
	}
	x.ask, x.unread = false, 0
	return nil, false, nil
}

// askLater puts off a question that the gateway could not answer now.
func (w *Worker) askLater(x *execution, state look) {
	x.trouble = "the agent's state could not be read: " + state.meaning
	if x.halted {
		x.dueAt = time.Now().Add(haltedRest)
		return
	}
	x.unread++
	x.dueAt = time.Now().Add(w.cfg.Retry.delay(x.unread, 0))
}

// out is the end of a command whose agent is seen to be signed out.
func (x *execution) out(state gateway.State) *ending {
	if x.effect == effectClaimed {
		return x.done(state.Presence)
	}
	return &ending{outcome: messages.OutcomeAlreadySignedOut}
}
