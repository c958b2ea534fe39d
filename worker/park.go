package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
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

// parking keeps, per command, a note of what the next worker must know: the calls made,
// when it is due, whether it was withdrawn, and who alone may call.
type parking struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	reader *streams.Reader
	prefix messages.Prefix
	vcc    string
}

func openParking(ctx context.Context, js jetstream.JetStream, prefix messages.Prefix, vcc, name string) (*parking, error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("opening the stream of parked commands %s: %w", name, err)
	}
	return &parking{js: js, stream: stream, reader: streams.NewReader(js, stream), prefix: prefix, vcc: vcc}, nil
}

// errOvertaken says that somebody else has written a note since the last look.
var errOvertaken = errors.New("another note about the command was written meanwhile")

// note stores p if the last note is still the one with the sequence last, 0 for
// none, and returns its own. It goes away by itself some time after the command's
// end.
func (k *parking) note(ctx context.Context, id string, p messages.Parked, last uint64, expires time.Time) (uint64, error) {
	data, err := p.Encode()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	msg := &nats.Msg{Subject: k.prefix.Parked(k.vcc, id), Data: data}
	if msg.Size() > sizeLimit(k.js.Conn(), k.stream) {
		// The texts are for people; what decides is in the rest.
		p.Message, p.Error = "", ""
		if msg.Data, err = p.Encode(); err != nil {
			return 0, err
		}
	}
	ack, err := k.js.PublishMsg(ctx, msg, jetstream.WithMsgTTL(streams.NoteLife(expires)), jetstream.WithExpectLastSequencePerSubject(last))
	switch {
	case streams.Overtaken(err):
		return 0, errOvertaken
	case err != nil:
		return 0, fmt.Errorf("noting the attempts of %s: %w", id, err)
	}
	return ack.Sequence, nil
}

// forget lets the note about a command that has ended go, if it is still the last one.
// Nobody waits for it: else the note goes by itself later.
func (k *parking) forget(id string, note uint64) {
	_ = k.js.Conn().PublishMsg(&nats.Msg{
		Subject: k.prefix.Parked(k.vcc, id),
		Header: nats.Header{
			jetstream.MsgTTLHeader:              {"1s"}, // the least there is
			jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(note, 10)},
		},
		Data: []byte("{}"),
	})
}

// hasEnded reports whether a note is what forget leaves for a moment: the command has a
// result, which a look at the ledger may have come too early for.
func hasEnded(p messages.Parked, note uint64) bool {
	return note != 0 && p.Sequence == 0 && p.Cancelled == nil
}

// ask looks for the last note about a command.
func (k *parking) ask(id string, isNew bool) *streams.Question {
	return ask(k.reader, k.prefix.Parked(k.vcc, id), isNew)
}

// recall returns the last note about a command and its sequence, 0 if there is
// none.
func (k *parking) recall(ctx context.Context, id string) (messages.Parked, uint64, error) {
	return k.told(ctx, k.ask(id, false), id)
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
// this one says that it was handed back in good order. All else says that a worker
// ended in the middle, or may still be at it, and may have called the gateway. It
// reports true where the same command stands in the stream in another message, as it
// does when it is published again after the duplicate window.
func (w *Worker) resume(ctx context.Context, x *execution, asked *streams.Question) (repeat bool, err error) {
	_, delivery := x.held.delivery()
	p, note, err := w.parking.told(ctx, asked, x.cmd.ID)
	if err != nil {
		return false, err
	}
	ours := p.Sequence == x.held.seq
	if p.Sequence != 0 && !ours {
		if repeat, err = w.isThere(ctx, p.Sequence, x); repeat || err != nil {
			return repeat, err
		}
	}
	x.note, x.cancelled = note, p.Cancelled
	switch {
	case ours && p.Claim == 0 && p.Delivery == delivery-1:
		x.recall(p)
	case ours:
		x.recall(p)
		x.doubt()
		x.dueAt = x.cmd.NotBefore
	case delivery > 1, p.Calls > 0, p.Claim > 0, hasEnded(p, note):
		x.doubt()
	}
	if p.Claim > 0 {
		x.restUntil = earlier(p.ClaimedAt, time.Now()).Add(w.leases.ackWait)
	}
	if x.held.doubtful {
		x.doubt()
		x.restUntil = later(x.restUntil, x.held.rest)
	}
	return false, nil
}

// recall takes over what the note says.
func (x *execution) recall(p messages.Parked) {
	x.calls, x.spent, x.redelivered, x.ask = p.Calls, p.Spent, p.Redelivered, p.Ask
	switch {
	case p.SignedOut:
		x.effect = effectClaimed
	case p.Possible:
		x.effect = effectPossible
	default:
		x.effect = effectNone
	}
	x.unread, x.ending = p.Unread, p.Ending
	x.startedAt, x.dueAt, x.openUntil = p.StartedAt, p.DueAt, p.OpenUntil
	x.answer.Retcode, x.answer.Message, x.answer.HTTPStatus = p.Retcode, p.Message, p.HTTPStatus
	x.trouble = p.Error
}

// parked is what the next worker must know.
func (x *execution) parked(delivery uint64) messages.Parked {
	return messages.Parked{
		Sequence: x.held.seq, Delivery: delivery, Calls: x.calls, Spent: x.spent,
		Unread: x.unread, Ending: x.ending,
		Redelivered: x.redelivered, Ask: x.ask, Possible: x.effect == effectPossible, SignedOut: x.effect == effectClaimed,
		StartedAt: x.startedAt, DueAt: x.dueAt, OpenUntil: x.openUntil,
		Retcode: x.answer.Retcode, Message: x.answer.Message, HTTPStatus: x.answer.HTTPStatus, Error: x.trouble,
		Cancelled: x.cancelled,
	}
}

// handBack gives a command to the server until it is due. Whoever gets it then
// goes on where this worker stopped. Without a note, and without the lease, it is left
// to the server, which delivers it again after AckWait: a NAK takes a command from
// whoever has it.
func (w *Worker) handBack(ctx context.Context, x *execution) {
	err := w.leaveNote(ctx, x)
	w.notes.came(ctx, err)
	// Before the server can deliver it again: here it must be new then.
	msg, _ := x.held.delivery()
	held := w.leases.remaining(x.held) > 0
	w.leases.drop(x.held)
	switch {
	case errors.Is(err, errLeaseLost), !held:
		w.logLost(ctx, x)
		return
	case err != nil:
		w.log.LogAttrs(ctx, slog.LevelWarn, "not handed back, the server redelivers it after AckWait", x.attr(), slog.Any("error", err))
		return
	}
	delay := w.laterIfDraining(x.dueIn() - handBackEarly)
	if x.withdrawn() != nil && !x.ending {
		delay = w.laterIfDraining(0) // it was nudged while it was still here
	}
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

// laterIfDraining keeps what a worker that ends hands back out of its own pulls, which are
// open until they are surely empty.
func (w *Worker) laterIfDraining(delay time.Duration) time.Duration {
	select {
	case <-w.draining:
		return max(delay, 3*lastPull)
	default:
		return delay
	}
}

// leaveNote stores what the next worker must know. Where the command was withdrawn
// meanwhile, the note says that too.
func (w *Worker) leaveNote(ctx context.Context, x *execution) error {
	const most = 3 // others may write at the same time, each once
	var err error
	for range most {
		if w.leases.remaining(x.held) <= 0 {
			return errLeaseLost
		}
		_, delivery := x.held.delivery()
		var note uint64
		if note, err = w.parking.note(ctx, x.cmd.ID, x.parked(delivery), x.note, x.expires); err == nil {
			x.note = note
			return nil
		}
		if !errors.Is(err, errOvertaken) {
			return err
		}
		last, note, recallErr := w.parking.recall(ctx, x.cmd.ID)
		if recallErr != nil {
			return recallErr
		}
		if taken := x.takeUp(w.self, last, note); errors.Is(taken, errWithdrawn) {
			x.notice()
		} else if taken != nil {
			return taken
		}
	}
	return err
}

// leaveTrace tells the next worker of calls that were made for a command without a claim,
// before it was lost. It is no more than a help: whoever has the command now may know.
func (w *Worker) leaveTrace(ctx context.Context, x *execution) {
	if !x.called || !x.claimedAt.IsZero() || x.effect == effectNone {
		return
	}
	if _, err := w.parking.note(ctx, x.cmd.ID, x.parked(0), x.note, x.expires); err != nil {
		w.log.LogAttrs(ctx, slog.LevelInfo, "no note of the calls that were made", x.attr(), slog.Any("error", err))
	}
}
