package worker

import (
	"context"
	"log/slog"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// answerStatus tells how the worker stands, to whoever asks, until the context
// ends.
func (w *Worker) answerStatus(ctx context.Context) {
	sub, err := w.nc.SubscribeSync(w.cfg.Prefix.Status(w.cfg.VCC))
	if err != nil {
		w.cfg.Log.LogAttrs(ctx, slog.LevelError, "cannot answer for the status", slog.Any("error", err))
		return
	}
	defer func() { _ = sub.Unsubscribe() }()
	for m := range streams.Heard(ctx, sub) {
		if data, err := w.status().Encode(); err == nil {
			_ = m.Respond(data)
		}
	}
}

func (w *Worker) status() messages.WorkerStatus {
	g := w.Gauges()
	s := messages.WorkerStatus{
		Worker: w.cfg.Instance, Ready: true, Gateway: messages.GatewayUp,
		InFlight: g.InFlight, Parked: g.Parked, InHand: g.InHand, Usable: g.Usable,
	}
	if g.Down {
		s.Gateway = messages.GatewayDown
	}
	if err := w.Degraded(); err != nil {
		s.Problem = err.Error()
	}
	if err := w.Ready(); err != nil {
		s.Ready, s.Problem = false, err.Error()
	}
	return s
}
