package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// nudgeTime is how long workers may need to look at withdrawn commands.
const nudgeTime = 5 * time.Second

// withdraw puts the notes beside up to chunk commands, and then finds out what each is
// worth. Workers read the note before they execute a command; what they have in hand
// already they decide themselves, and say so in its result.
func (w *withdrawing) withdraw(ctx context.Context, all []*open) error {
	left, err := w.prepare(ctx, all)
	if err != nil {
		return err
	}
	if left, err = w.mark(ctx, left); err != nil {
		return err
	}
	held, waiting := split(left)
	fired, err := w.fire(ctx, held)
	if err != nil {
		return err
	}
	return w.settleWaiting(ctx, append(waiting, fired...))
}

// prepare answers for what has ended and what is unknown, and completes the rest.
func (w *withdrawing) prepare(ctx context.Context, all []*open) ([]*open, error) {
	found, err := w.look(ctx, w.askAll(all))
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
	// It was held, or with a worker, a moment ago.
	if err := w.locate(ctx, lost); err != nil {
		return nil, err
	}
	return w.known(ctx, left)
}

// known answers for commands of which nothing was found: they have just ended, or there
// are none.
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
	found, err := w.look(ctx, w.askAll(unknown))
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

// trace follows what NATS knows of a command to its messages.
func (w *withdrawing) trace(ctx context.Context, o *open, f *facts) error {
	o.held, o.note, o.noted = f.held != nil, f.note, f.noted
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

// mark writes the notes that every worker reads before it executes a command. They
// keep what the last notes say.
func (w *withdrawing) mark(ctx context.Context, all []*open) ([]*open, error) {
	for todo := all; len(todo) > 0; {
		var sent []*open
		var futures []jetstream.PubAckFuture
		for _, o := range todo {
			if o.note.Cancelled != nil {
				continue
			}
			o.note.Cancelled = &w.by
			future, err := w.publishNote(o, o.noted)
			if err != nil {
				return nil, err
			}
			sent, futures = append(sent, o), append(futures, future)
		}
		todo = nil
		for i, future := range futures {
			err := acknowledged(ctx, future)
			if streams.Overtaken(err) {
				todo = append(todo, sent[i])
			} else if err != nil {
				return nil, w.explain("noting that "+sent[i].id+" is withdrawn", err)
			}
		}
		if len(todo) == 0 {
			break
		}
		// A worker has written its own meanwhile.
		found, err := w.look(ctx, w.askAll(todo))
		if err != nil {
			return nil, err
		}
		for _, o := range todo {
			f := found[key{w.vcc, o.id}]
			o.note, o.noted = f.note, f.noted
		}
	}
	return all, nil
}

func (w *withdrawing) publishNote(o *open, last uint64) (jetstream.PubAckFuture, error) {
	data, err := o.note.Encode()
	if err != nil {
		return nil, err
	}
	msg := &nats.Msg{Subject: w.prefix.Parked(w.vcc, o.id), Data: data}
	future, err := w.js.PublishMsgAsync(msg, jetstream.WithExpectLastSequencePerSubject(last), jetstream.WithMsgTTL(streams.NoteLife(o.mayRun)))
	if err != nil {
		return nil, fmt.Errorf("noting that %s is withdrawn: %w", o.id, err)
	}
	return future, nil
}

func acknowledged(ctx context.Context, future jetstream.PubAckFuture) error {
	select {
	case <-future.Ok():
		return nil
	case err := <-future.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *withdrawing) askAll(all []*open) []target {
	targets := make([]target, len(all))
	for i, o := range all {
		targets[i] = target{key{w.vcc, o.id}, o.workNo}
	}
	return targets
}

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

// fire lets the server hand withdrawn commands to the workers at once, who end them.
// It answers for those, and returns the ones that the server had handed over already.
func (w *withdrawing) fire(ctx context.Context, held []*open) (waiting []*open, err error) {
	todo, gone := held, []*open(nil)
	for len(todo) > 0 {
		subjects := make([]string, len(todo))
		for i, o := range todo {
			subjects[i] = w.prefix.Schedule(w.vcc, o.id)
		}
		found, err := w.lasts(ctx, w.names.Commands, subjects)
		if err != nil {
			return nil, err
		}
		var sent []*open
		var futures []jetstream.PubAckFuture
		for i, o := range todo {
			msg, there := found[subjects[i]]
			if !there {
				gone = append(gone, o)
				continue
			}
			future, err := w.js.PublishMsgAsync(&nats.Msg{Subject: subjects[i], Data: msg.Data},
				jetstream.WithScheduleAt(time.Now()), jetstream.WithScheduleTarget(w.prefix.Commands(w.vcc)),
				jetstream.WithExpectLastSequencePerSubject(msg.Sequence))
			if err != nil {
				return nil, fmt.Errorf("letting go of %s: %w", o.id, err)
			}
			sent, futures = append(sent, o), append(futures, future)
		}
		todo = nil
		for i, future := range futures {
			err := acknowledged(ctx, future)
			switch {
			case streams.Overtaken(err):
				todo = append(todo, sent[i])
			case err != nil:
				return nil, w.explain("letting go of "+sent[i].id, err)
			case sent[i].seq != 0: // a copy of it waits for workers as well
				waiting = append(waiting, sent[i])
			default:
				w.answer(Withdrawal{ID: sent[i].id, WorkNo: sent[i].workNo, Answer: Cancelled})
			}
		}
	}
	return append(waiting, gone...), w.relocate(ctx, gone)
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

// settleWaiting answers for marked commands that wait for workers or are with one, as
// far as that is certain, and leaves the others open.
func (w *withdrawing) settleWaiting(ctx context.Context, waiting []*open) error {
	if len(waiting) == 0 {
		return nil
	}
	if err := w.nudge(ctx, waiting); err != nil {
		return err
	}
	found, err := w.look(ctx, w.askAll(waiting))
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
			w.open[o.id] = *o
		}
	}
	return nil
}

// nudge tells the workers, and waits until one has looked at each. Without workers
// there is nobody who could execute a command.
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

// surelyThere reports whether nobody had the command when the note was written, so
// that whoever gets it sees the note. The consumer is nil where no worker has ever run.
func (o *open) surelyThere(consumer *jetstream.ConsumerInfo) bool {
	if consumer == nil {
		return true
	}
	// A consumer that was deleted and made again does not know what the one before has
	// delivered.
	never := o.seq > consumer.Delivered.Stream && o.stored.After(consumer.Created)
	// A call that was made before may have worked: the agent's state decides then.
	called := o.note.Possible || o.note.SignedOut
	return never || !called && o.note.IsWithServer(o.seq, time.Now())
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
