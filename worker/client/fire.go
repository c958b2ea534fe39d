package client

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// fire lets NATS hand withdrawn commands to the workers at once, and the workers end
// them. It answers for those commands, and returns the ones that a worker may get or has
// had in another way.
func (w *withdrawing) fire(ctx context.Context, held []*open) (waiting []*open, err error) {
	var gone []*open
	for todo := held; len(todo) > 0; {
		sent, missing, err := w.fireOnce(ctx, todo)
		if err != nil {
			return nil, err
		}
		gone = append(gone, missing...)
		stored, overtaken, err := w.acknowledged(ctx, sent)
		for _, o := range stored {
			if o.seq != 0 { // a copy of the command waits for workers as well
				waiting = append(waiting, o)
				continue
			}
			w.answer(Withdrawal{ID: o.id, WorkNo: o.workNo, Answer: Cancelled})
		}
		if err != nil {
			return nil, err
		}
		todo = overtaken
	}
	return append(waiting, gone...), w.relocate(ctx, gone)
}

// fireOnce sends each schedule again, for now. Gone are the commands that NATS has handed
// over already.
func (w *withdrawing) fireOnce(ctx context.Context, held []*open) (sent []change, gone []*open, err error) {
	subjects := make([]string, len(held))
	for i, o := range held {
		subjects[i] = w.prefix.Schedule(w.vcc, o.id)
	}
	found, err := w.lasts(ctx, w.names.Commands, subjects)
	if err != nil {
		return nil, nil, err
	}
	for i, o := range held {
		msg, there := found[subjects[i]]
		if !there {
			gone = append(gone, o)
			continue
		}
		one, err := w.replace(o, "letting go of "+o.id, &nats.Msg{Subject: subjects[i], Data: msg.Data}, msg.Sequence,
			jetstream.WithScheduleAt(time.Now()), jetstream.WithScheduleTarget(w.prefix.Commands(w.vcc)))
		if err != nil {
			return nil, nil, err
		}
		sent = append(sent, one)
	}
	return sent, gone, nil
}

// relocate finds the messages of commands whose time has come meanwhile.
func (w *withdrawing) relocate(ctx context.Context, gone []*open) error {
	var lost []*open
	for _, o := range gone {
		if o.seq == 0 {
			lost = append(lost, o)
		}
	}
	return w.locate(ctx, lost)
}
