package client

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/streams"
)

// mark writes beside each command the note that every worker reads before it executes
// the command. What an earlier note says is kept.
func (w *withdrawing) mark(ctx context.Context, all []*open) error {
	for todo := all; len(todo) > 0; {
		overtaken, err := w.markOnce(ctx, todo)
		if err != nil || len(overtaken) == 0 {
			return err
		}
		// A worker has written its own note meanwhile.
		found, err := w.look(ctx, w.ask(overtaken))
		if err != nil {
			return err
		}
		for _, o := range overtaken {
			f := found[key{w.vcc, o.id}]
			o.note, o.noted = f.note, f.noted
		}
		todo = overtaken
	}
	return nil
}

// markOnce writes the notes, and returns the commands beside which another note has come
// first.
func (w *withdrawing) markOnce(ctx context.Context, all []*open) (overtaken []*open, err error) {
	var sent []change
	for _, o := range all {
		if o.note.Cancelled != nil {
			continue
		}
		o.note.Cancelled = &w.by
		one, err := w.publishNote(o)
		if err != nil {
			return nil, err
		}
		sent = append(sent, one)
	}
	_, overtaken, err = w.acknowledged(ctx, sent)
	return overtaken, err
}

func (w *withdrawing) publishNote(o *open) (change, error) {
	data, err := o.note.Encode()
	if err != nil {
		return change{}, err
	}
	return w.replace(o, "noting that "+o.id+" is withdrawn", &nats.Msg{Subject: w.prefix.Parked(w.vcc, o.id), Data: data}, o.noted,
		jetstream.WithMsgTTL(streams.NoteLife(o.mayRun)))
}

// change is a message about a command that was sent, and whose answer is to come.
type change struct {
	about  *open
	doing  string
	future jetstream.PubAckFuture
}

// replace sends a message in place of the last one on its subject, which has the sequence
// last, 0 for none. The stream refuses it where somebody else has been quicker.
func (w *withdrawing) replace(o *open, doing string, msg *nats.Msg, last uint64, opts ...jetstream.PublishOpt) (change, error) {
	future, err := w.js.PublishMsgAsync(msg, append(opts, jetstream.WithExpectLastSequencePerSubject(last))...)
	if err != nil {
		return change{}, fmt.Errorf("%s: %w", doing, err)
	}
	return change{o, doing, future}, nil
}

// acknowledged waits for the answers to changes. It tells those that the stream has
// stored from those for which somebody else has been quicker.
func (w *withdrawing) acknowledged(ctx context.Context, sent []change) (stored, overtaken []*open, err error) {
	for _, one := range sent {
		err := one.answer(ctx)
		switch {
		case err == nil:
			stored = append(stored, one.about)
		case streams.Overtaken(err):
			overtaken = append(overtaken, one.about)
		default:
			return stored, overtaken, w.explain(one.doing, err)
		}
	}
	return stored, overtaken, nil
}

func (c change) answer(ctx context.Context) error {
	select {
	case <-c.future.Ok():
		return nil
	case err := <-c.future.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
