package worker

import (
	"context"
	"log/slog"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/session"
)

// askState asks how the agent is. Whatever keeps an answer from coming means
// unknown, and the verdict says why. Only a refused session is renewed first, and
// the question open until then.
func (w *Worker) askState(ctx context.Context, x *execution) (state gateway.State, decision verdict, err error) {
	var refused *session.Use
	err = w.byInspector(ctx, x, func(ctx context.Context, use *session.Use) seen {
		var answer gateway.Answer
		state, answer, err = w.gateway.AgentState(ctx, use.Session, x.cmd.WorkNo)
		decision = w.classifier.classifyState(answer, err)
		w.log.LogAttrs(ctx, slog.LevelDebug, "agent state", x.attr(), slog.String("presence", state.Presence.String()),
			slog.Bool("on_call", state.OnCall), slog.String("retcode", answer.Retcode), slog.Any("error", err))
		if state.Presence == gateway.PresenceSignedOut {
			x.inspector = use.Inspector
		}
		if decision.class == ClassSession {
			refused = use
		}
		found := seen{
			Report: session.Report{GUID: answer.GUID, Heard: decision.class != ClassSession && answer.Retcode != ""},
			why:    decision.meaning,
		}
		// That questions are answered does not show that sign-outs would be.
		if s := decision.sign(); s.bad() {
			found.sign = s
		}
		return found
	})
	if refused == nil || err != nil {
		return state, decision, err
	}
	refused.Refused()
	if x.renewals++; x.renewals%maxRenewals == 0 {
		return state, decision, nil
	}
	return state, decision, session.ErrPending
}

// alreadyOut asks the agent's state if that is open. Only a state query proves
// that the agent is signed out.
func (w *Worker) alreadyOut(ctx context.Context, x *execution) (*ending, error) {
	if !x.ask {
		return nil, nil
	}
	state, _, err := w.askState(ctx, x)
	if err != nil {
		return nil, err
	}
	x.ask = false
	if state.Presence != gateway.PresenceSignedOut {
		return nil, nil
	}
	return x.out(state), nil
}

// out is the end of a command whose agent is seen to be signed out.
func (x *execution) out(state gateway.State) *ending {
	if x.signedOut {
		return x.done(state.Presence)
	}
	return &ending{outcome: messages.OutcomeAlreadySignedOut}
}
