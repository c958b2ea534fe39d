package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/outage"
	"github.com/forcelogout/forcelogout/worker/session"
)

// throttle applies what the gate and the sessions say: how many calls there may be, and
// whether anything is pulled. It is the one place that tells of both.
func (w *Worker) throttle(ctx context.Context) {
	said := session.Coming
	for {
		changed := w.inspectors.Changed()
		calls, news := w.gate.Take()
		w.capacity.Narrow(calls)
		w.inspectors.Limit(calls)
		for _, n := range news {
			w.tell(ctx, n)
		}
		if now := w.inspectors.Availability(); now != said {
			said = now
			w.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "calls", slog.String("vcc", w.cfg.VCC), slog.String("now", now.String()))
			w.capacity.Open(now == session.Available)
		}
		select {
		case <-changed:
		case <-w.gate.Changes():
		case <-ctx.Done():
			return
		}
	}
}

// tell says in the log, and to live observers, that the gateway is down, or back.
func (w *Worker) tell(ctx context.Context, n outage.News) {
	s := messages.GatewayState{State: messages.GatewayUp, VCC: w.cfg.VCC, Worker: w.cfg.Instance, At: time.Now()}
	if n.Down {
		s.State, s.Error = messages.GatewayDown, n.Why
		w.cfg.Log.LogAttrs(ctx, slog.LevelError, "gateway down, calls are halted",
			slog.String("vcc", w.cfg.VCC), slog.String("last_call", n.Why))
	} else {
		w.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "gateway back, calls begin slowly",
			slog.String("vcc", w.cfg.VCC), slog.Duration("down_for", n.For))
	}
	if data, err := s.Encode(); err == nil {
		_ = w.nc.Publish(w.cfg.Prefix.GatewayState(w.cfg.VCC), data) // nobody may be listening
	}
}
