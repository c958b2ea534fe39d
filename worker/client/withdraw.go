package client

import (
	"context"
	"time"
)

// withdraw writes a note beside each of up to chunk commands, and then finds out what
// each note is worth. A worker reads the note before it executes a command. Where a
// worker has the command in hand already, the worker decides, and says so in the result.
func (w *withdrawing) withdraw(ctx context.Context, all []*open) error {
	left, err := w.prepare(ctx, all)
	if err != nil {
		return err
	}
	if err := w.mark(ctx, left); err != nil {
		return err
	}
	held, waiting := split(left)
	fired, err := w.fire(ctx, held)
	if err != nil {
		return err
	}
	return w.settleWaiting(ctx, append(waiting, fired...))
}

// prepare answers for commands that have ended and for unknown ones. Of the rest it finds
// out where each is.
func (w *withdrawing) prepare(ctx context.Context, all []*open) ([]*open, error) {
	found, err := w.look(ctx, w.ask(all))
	if err != nil {
		return nil, err
	}
	var left, lost []*open
	for _, o := range all {
		f := found[key{w.vcc, o.id}]
		if f.result != nil {
			w.answer(late(o.id, f.result))
			continue
		}
		if err := w.trace(ctx, o, f); err != nil {
			return nil, err
		}
		if o.seq == 0 && !o.held && !o.sought {
			lost = append(lost, o)
		}
		left = append(left, o)
	}
	// NATS held them, or a worker had them, a moment ago.
	if err := w.locate(ctx, lost); err != nil {
		return nil, err
	}
	return w.known(ctx, left)
}

// known answers for commands of which nothing was found, because they have just ended or
// never were, and returns the others.
func (w *withdrawing) known(ctx context.Context, all []*open) (known []*open, err error) {
	var unknown []*open
	for _, o := range all {
		if o.unknown {
			unknown = append(unknown, o)
		} else {
			known = append(known, o)
		}
	}
	if len(unknown) == 0 {
		return known, nil
	}
	found, err := w.look(ctx, w.ask(unknown))
	if err != nil {
		return nil, err
	}
	for _, o := range unknown {
		if f := found[key{w.vcc, o.id}]; f.result != nil {
			w.answer(late(o.id, f.result))
		} else {
			w.answer(Withdrawal{ID: o.id, Answer: Unknown})
		}
	}
	return known, nil
}

// trace follows what NATS knows of a command to the command's messages.
func (w *withdrawing) trace(ctx context.Context, o *open, f *facts) error {
	o.held, o.there, o.note, o.noted = f.held != nil, f.stored, f.note, f.noted
	if o.held {
		o.found(*f.held, 0, time.Time{})
	}
	if o.seq != 0 || f.note.Sequence == 0 {
		return nil
	}
	command, ok, err := w.command(ctx, w.vcc, f.note.Sequence)
	if err == nil && ok && command.ID == o.id {
		o.found(command, f.note.Sequence, time.Time{})
	}
	return err
}

// split tells commands that NATS holds for later from those that wait for workers.
func split(all []*open) (held, waiting []*open) {
	for _, o := range all {
		if o.held {
			held = append(held, o)
		} else {
			waiting = append(waiting, o)
		}
	}
	return held, waiting
}
