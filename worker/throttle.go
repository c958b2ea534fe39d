package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/intake"
	"github.com/forcelogout/forcelogout/worker/outage"
	"github.com/forcelogout/forcelogout/worker/session"
	"github.com/nats-io/nats.go"
)

// throttle applies what the gate and the sessions say: how many calls there may be, and
// whether anything is pulled. It is the one place that tells of both.
type throttle struct {
	cfg        Config
	nc         *nats.Conn
	gate       *outage.Gate
	inspectors *session.Pool
	capacity   *intake.Capacity
}

// run is the one goroutine that does so, until the context ends.
func (t *throttle) run(ctx context.Context) {
	said := session.Coming
	for {
		changed := t.inspectors.Changed()
		calls, news := t.gate.Take()
		t.capacity.Narrow(calls)
		t.inspectors.Limit(calls)
		for _, n := range news {
			t.tell(ctx, n)
		}
		if now := t.inspectors.Availability(); now != said {
			said = now
			t.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "calls", slog.String("vcc", t.cfg.VCC), slog.String("now", now.String()))
			t.capacity.Open(now == session.Available)
		}
		select {
		case <-changed:
		case <-t.gate.Changes():
		case <-ctx.Done():
			return
		}
	}
}

// tell says in the log, and to live observers, that the gateway is down, or back.
func (t *throttle) tell(ctx context.Context, n outage.News) {
	s := messages.GatewayState{State: messages.GatewayUp, VCC: t.cfg.VCC, Worker: t.cfg.Instance, At: time.Now()}
	if n.Down {
		s.State, s.Error = messages.GatewayDown, n.Why
		t.cfg.Log.LogAttrs(ctx, slog.LevelError, "gateway down, calls are halted",
			slog.String("vcc", t.cfg.VCC), slog.String("last_call", n.Why))
	} else {
		t.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "gateway back, calls begin slowly",
			slog.String("vcc", t.cfg.VCC), slog.Duration("down_for", n.For))
	}
	if data, err := s.Encode(); err == nil {
		_ = t.nc.Publish(t.cfg.Prefix.GatewayState(t.cfg.VCC), data) // nobody may be listening
	}
}
