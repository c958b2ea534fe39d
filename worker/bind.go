package worker

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/streams"
)

// bound is what a worker uses of NATS.
type bound struct {
	consumer                        jetstream.Consumer
	again                           func(context.Context) (jetstream.Consumer, error) // the consumer again, as it must be
	commands, results, parked, dead jetstream.Stream
}

// bind opens it all. It reports what would break a guarantee.
func bind(ctx context.Context, js jetstream.JetStream, cfg Config) (*bound, error) {
	plan := streams.Plan{Prefix: cfg.Prefix, MaxAge: cfg.MaxAge, AckWait: cfg.AckWait}
	if err := streams.Check(ctx, js, plan); err != nil {
		return nil, err
	}
	b := &bound{again: func(ctx context.Context) (jetstream.Consumer, error) { return streams.Bind(ctx, js, plan, cfg.VCC) }}
	var err error
	if b.consumer, err = b.again(ctx); err != nil {
		return nil, err
	}
	ackWait := b.consumer.CachedInfo().Config.AckWait
	if cfg.CallTimeout >= ackWait {
		return nil, fmt.Errorf("the call timeout %v must be below the consumer's ack_wait %v, or commands are executed twice", cfg.CallTimeout, ackWait)
	}
	plan.AckWait = ackWait // also for one that has to be made anew
	names := streams.NamesOf(cfg.Prefix)
	for name, stream := range map[string]*jetstream.Stream{
		names.Commands: &b.commands, names.Results: &b.results, names.Parked: &b.parked, names.Dead: &b.dead,
	} {
		if *stream, err = js.Stream(ctx, name); err != nil {
			return nil, fmt.Errorf("opening the stream %s: %w", name, err)
		}
	}
	return b, nil
}
