package execute

import (
	"context"
	"log/slog"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/outage"
	"github.com/forcelogout/forcelogout/worker/retcode"
	"github.com/forcelogout/forcelogout/worker/session"
)

// query asks how the agent is. Whatever keeps an answer from coming means unknown, and
// the verdict says why.
func (e *Executor) query(ctx context.Context, x *execution) job.Seen {
	seen := job.Seen{What: job.Told}
	var used *session.Use
	down, err := e.exchange(ctx, x, func(ctx context.Context, use *session.Use) shown {
		state, answer, err := e.Gateway.AgentState(ctx, use.Session, x.Command.WorkNo)
		used = use
		seen.State, seen.Verdict, seen.Inspector = state, e.Classifier.State(answer, err), use.Inspector
		e.Log.LogAttrs(ctx, slog.LevelDebug, "agent state", x.Attr(), slog.String("presence", state.Presence.String()),
			slog.String("agent_state", string(job.StateOf(state))), slog.String("retcode", answer.Retcode), slog.Any("error", err))
		return ofQuery(answer, seen.Verdict)
	})
	if err != nil {
		return e.barred(x, err)
	}
	if seen.Verdict.Class == retcode.Session {
		used.Refused()
	}
	seen.Down = down
	return seen
}

// ofQuery is what a state query shows. An answered query says nothing about whether
// sign-outs work, so only a bad answer counts.
func ofQuery(answer gateway.Answer, v job.Verdict) shown {
	found := shown{Report: session.Report{GUID: answer.GUID, Heard: heard(answer, v)}, why: v.Meaning}
	if h := outage.HealthOf(v); h.IsBad() {
		found.health = h
	}
	return found
}
