package record

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// Notes keeps, per command, a note of what the next worker must know: the calls made,
// when it is due, whether it was withdrawn, and who alone may call.
type Notes struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	reader *streams.Reader
	prefix messages.Prefix
	vcc    string
}

// NewNotes returns the notes that a stream has.
func NewNotes(js jetstream.JetStream, stream jetstream.Stream, prefix messages.Prefix, vcc string) *Notes {
	return &Notes{js: js, stream: stream, reader: streams.NewReader(js, stream), prefix: prefix, vcc: vcc}
}

// Run answers what is asked until the context ends.
func (n *Notes) Run(ctx context.Context) { n.reader.Run(ctx) }

// ErrOvertaken says that somebody else has written a note since the last look.
var ErrOvertaken = errors.New("another note about the command was written meanwhile")

// Write stores p if the last note is still the one with the sequence last, 0 for
// none, and returns its own. It goes away by itself some time after the command's
// end.
func (n *Notes) Write(ctx context.Context, id string, p messages.Parked, last uint64, expires time.Time) (uint64, error) {
	data, err := p.Encode()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, StoreTimeout)
	defer cancel()
	msg := &nats.Msg{Subject: n.prefix.Parked(n.vcc, id), Data: data}
	if msg.Size() > SizeLimit(n.js.Conn(), n.stream) {
		// The texts are for people; what decides is in the rest.
		p.Message, p.Error = "", ""
		if msg.Data, err = p.Encode(); err != nil {
			return 0, err
		}
	}
	ack, err := n.js.PublishMsg(ctx, msg, jetstream.WithMsgTTL(streams.NoteLife(expires)), jetstream.WithExpectLastSequencePerSubject(last))
	switch {
	case streams.Overtaken(err):
		return 0, ErrOvertaken
	case err != nil:
		Measure(ctx, n.stream, err)
		return 0, fmt.Errorf("noting the attempts of %s: %w", id, err)
	}
	return ack.Sequence, nil
}

// Forget lets the note about a command that has ended go, if it is still the last one.
// Nobody waits for it: else the note goes by itself later.
func (n *Notes) Forget(id string, note uint64) {
	_ = n.js.Conn().PublishMsg(&nats.Msg{
		Subject: n.prefix.Parked(n.vcc, id),
		Header: nats.Header{
			jetstream.MsgTTLHeader:              {"1s"}, // the least there is
			jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(note, 10)},
		},
		Data: []byte("{}"),
	})
}

// Ask looks for the last note about a command.
func (n *Notes) Ask(id string, isNew bool) *streams.Question {
	return ask(n.reader, n.prefix.Parked(n.vcc, id), isNew)
}

// Recall returns the last note about a command and its sequence, 0 if there is
// none.
func (n *Notes) Recall(ctx context.Context, id string) (messages.Parked, uint64, error) {
	return n.Told(ctx, n.Ask(id, false), id)
}

// Told returns what was asked for.
func (n *Notes) Told(ctx context.Context, q *streams.Question, id string) (messages.Parked, uint64, error) {
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
