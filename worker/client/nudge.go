package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// nudgeTime is how long workers may take to look at withdrawn commands.
const nudgeTime = 5 * time.Second

// settleWaiting answers for marked commands that wait for workers or that a worker has,
// where the answer is certain, and leaves the others open.
func (w *withdrawing) settleWaiting(ctx context.Context, waiting []*open) error {
	if len(waiting) == 0 {
		return nil
	}
	if err := w.nudge(ctx, waiting); err != nil {
		return err
	}
	found, err := w.look(ctx, w.ask(waiting))
	if err != nil {
		return err
	}
	consumer, err := w.consumer(ctx)
	if err != nil {
		return err
	}
	for _, o := range waiting {
		f := found[key{w.vcc, o.id}]
		switch {
		case f.result != nil:
			w.answer(late(o.id, f.result))
		case o.surelyThere(consumer):
			w.answer(Withdrawal{ID: o.id, WorkNo: o.workNo, Answer: Cancelled})
		default:
			w.open[o.id] = o
		}
	}
	return nil
}

// nudge tells the workers which commands are withdrawn, and waits until a worker has
// looked at each. Where no worker answers, nudge goes on: without workers nobody executes
// a command.
func (w *withdrawing) nudge(ctx context.Context, all []*open) error {
	inbox := w.nc.NewInbox()
	sub, err := w.nc.SubscribeSync(inbox)
	if err != nil {
		return fmt.Errorf("telling the workers: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for _, o := range all {
		data, err := messages.Cancel{ID: o.id, Sequence: o.seq, By: w.by}.Encode()
		if err == nil {
			err = w.nc.PublishRequest(w.prefix.Cancel(w.vcc), inbox, data)
		}
		if err != nil {
			return fmt.Errorf("telling the workers: %w", err)
		}
	}
	wait := nudgeTime
	if w.deaf {
		wait = nudgeTime / 10
	}
	waiting, stop := context.WithTimeout(ctx, wait)
	defer stop()
	for range all {
		if _, err := sub.NextMsgWithContext(waiting); err != nil {
			w.deaf = true
			return ctx.Err()
		}
	}
	return nil
}

// consumer is what the server knows of the workers' consumer, nil where there is none.
func (w *withdrawing) consumer(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	consumer, err := w.js.Consumer(ctx, w.names.Commands, w.prefix.Consumer(w.vcc))
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, w.explain("reading the workers' consumer", err)
	}
	return consumer.CachedInfo(), nil
}
