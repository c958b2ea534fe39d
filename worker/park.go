package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// longestWaitInHand is the longest wait that a command spends in this process.
// A longer one is the server's: then a killed worker delays nothing.
const longestWaitInHand = 2 * time.Second

// handBackEarly is how much before its time the server delivers a command
// again, so that the way back to a worker does not make it late.
const handBackEarly = 200 * time.Millisecond

// parking writes and reads these notes.
type parking struct {
	js     jetstream.JetStream
	reader *streams.Reader
	prefix messages.Prefix
	vcc    string
}

func openParking(ctx context.Context, js jetstream.JetStream, prefix messages.Prefix, vcc, name string) (*parking, error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("opening the stream of parked commands %s: %w", name, err)
	}
	return &parking{js: js, reader: streams.NewReader(js, stream), prefix: prefix, vcc: vcc}, nil
}

// errOvertaken says that somebody else has written a note since the last look.
var errOvertaken = errors.New("another note about the command was written meanwhile")

// note stores p if the last note is still the one with the sequence last, 0 for
// none, and returns its own. It goes away by itself some time after the command's
// end.
func (k *parking) note(ctx context.Context, id string, p messages.Parked, last uint64, expires time.Time) error {
	data, err := p.Encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	msg := &nats.Msg{Subject: k.prefix.Parked(k.vcc, id), Data: data}
	_, err = k.js.PublishMsg(ctx, msg, jetstream.WithMsgTTL(streams.NoteLife(expires)), jetstream.WithExpectLastSequencePerSubject(last))
	switch {
	case streams.Overtaken(err):
		return errOvertaken
	case err != nil:
		return fmt.Errorf("noting the attempts of %s: %w", id, err)
	}
	return nil
}

// ask looks for the last note about a command.
func (k *parking) ask(id string) *streams.Question { return k.reader.Ask(k.prefix.Parked(k.vcc, id)) }

// recall returns the last note about a command and its sequence, 0 if there is
// none.
func (k *parking) recall(ctx context.Context, id string) (messages.Parked, uint64, error) {
	return k.told(ctx, k.ask(id), id)
}

func (k *parking) told(ctx context.Context, q *streams.Question, id string) (messages.Parked, uint64, error) {
	msg, err := q.Answer(ctx)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return messages.Parked{}, 0, nil
	}
	if err != nil {
		return messages.Parked{}, 0, fmt.Errorf("reading the attempts of %s: %w", id, err)
	}
	p, err := messages.DecodeParked(msg.Data)
	if err != nil {
		return messages.Parked{}, 0, fmt.Errorf("reading the attempts of %s: %w", id, err)
	}
	return p, msg.Sequence, nil
}

// resume takes up a command where it was left. A note of the delivery just before
// this one says that it was handed back in good order; a redelivery without it,
// that a worker ended in the middle and may have called the gateway. It reports
// true where the same command waits in the stream under an older message, as it
// does when it is published again after the duplicate window.
func (w *Worker) resume(ctx context.Context, x *execution, asked *streams.Question) (repeat bool, err error) {
	_, delivery := x.held.delivery()
	p, note, err := w.parking.told(ctx, asked, x.cmd.ID)
	if err != nil {
		return false, err
	}
	x.note, x.cancelled = note, p.Cancelled
	found := p.Sequence != 0
	if found && p.Sequence != x.held.seq {
		_, err := w.commands.GetMsg(ctx, p.Sequence)
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return err == nil, err
		}
		found = false
	}
	if found {
		x.recall(p)
	}
	if delivery > 1 && (!found || p.Delivery != delivery-1) {
		x.redelivered, x.ask, x.dueAt = true, true, x.cmd.NotBefore
	}
	return false, nil
}

// recall takes over what the note says.
func (x *execution) recall(p messages.Parked) {
	x.calls, x.spent, x.redelivered, x.ask, x.signedOut = p.Calls, p.Spent, p.Redelivered, p.Ask, p.SignedOut
	x.startedAt, x.dueAt = p.StartedAt, p.DueAt
	x.answer.Retcode, x.answer.Message, x.answer.HTTPStatus = p.Retcode, p.Message, p.HTTPStatus
	x.trouble = p.Error
}

// parked is what the next worker must know.
func (x *execution) parked(delivery uint64) messages.Parked {
	return messages.Parked{
		Sequence: x.held.seq, Delivery: delivery, Calls: x.calls, Spent: x.spent,
		Redelivered: x.redelivered, Ask: x.ask, SignedOut: x.signedOut, StartedAt: x.startedAt, DueAt: x.dueAt,
		Retcode: x.answer.Retcode, Message: x.answer.Message, HTTPStatus: x.answer.HTTPStatus, Error: x.trouble,
	}
}

// handBack gives a command to the server until it is due. Whoever gets it then
// goes on where this worker stopped.
func (w *Worker) handBack(ctx context.Context, x *execution) {
	if w.leases.remaining(x.held) <= 0 {
		w.logLost(ctx, x)
		return
	}
	msg, delivery := x.held.delivery()
	err := w.parking.note(ctx, x.cmd.ID, x.parked(delivery), x.note, x.expires)
	if errors.Is(err, errOvertaken) {
		if w.isWithdrawn(ctx, x) {
			w.report(ctx, x, *x.withdrawn())
			return
		}
		err = w.parking.note(ctx, x.cmd.ID, x.parked(delivery), x.note, x.expires)
	}
	if err != nil {
		// The next worker takes it for interrupted, asks the agent's state and goes on.
		w.log.LogAttrs(ctx, slog.LevelWarn, "handing back without a note", x.attr(), slog.Any("error", err))
	}
	// Before the server can deliver it again: here it must be new then.
	w.leases.drop(x.held)
	delay := x.dueIn() - handBackEarly
	if delay > 0 {
		err = msg.NakWithDelay(delay)
	} else {
		err = msg.Nak()
	}
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "not handed back, the server redelivers it after AckWait", x.attr(), slog.Any("error", err))
		return
	}
	w.metrics.HandedBack()
	w.log.LogAttrs(ctx, slog.LevelDebug, "handed back", x.attr(), slog.Duration("delay", max(delay, 0)))
}
