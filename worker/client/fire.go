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
		sent, err := w.fireOnce(todo)
		if err != nil {
			return nil, err
		}
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
		var missing []*open
		if todo, missing, err = w.reread(ctx, overtaken); err != nil {
			return nil, err
		}
		gone = append(gone, missing...)
	}
	return append(waiting, gone...), w.relocate(ctx, gone)
}

// fireOnce sends each command that NATS holds again, for now. It replaces only what was
// read: where the command has been moved meanwhile, or its time has come, the stream
// refuses it.
func (w *withdrawing) fireOnce(held []*open) ([]change, error) {
	sent := make([]change, 0, len(held))
	for _, o := range held {
		msg := &nats.Msg{Subject: w.prefix.Schedule(w.vcc, o.id), Data: o.there.Data}
		one, err := w.replace(o, "letting go of "+o.id, msg, o.there.Sequence,
			jetstream.WithScheduleAt(time.Now()), jetstream.WithScheduleTarget(w.prefix.Commands(w.vcc)))
		if err != nil {
			return nil, err
		}
		sent = append(sent, one)
	}
	return sent, nil
}

// reread reads again what NATS holds. Gone are the commands that NATS has handed over.
func (w *withdrawing) reread(ctx context.Context, all []*open) (held, gone []*open, err error) {
	if len(all) == 0 {
		return nil, nil, nil
	}
	subjects := make([]string, len(all))
	for i, o := range all {
		subjects[i] = w.prefix.Schedule(w.vcc, o.id)
	}
	found, err := w.lasts(ctx, w.names.Commands, subjects)
	if err != nil {
		return nil, nil, err
	}
	for i, o := range all {
		msg, there := found[subjects[i]]
		if !there {
			gone = append(gone, o)
			continue
		}
		o.there = msg
		held = append(held, o)
	}
	return held, gone, nil
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
