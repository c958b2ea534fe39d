package record

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/health"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// errCodeStoreFailed is the server's answer to a second message on a subject
// that takes one (10077), and also to any message for a full stream.
const errCodeStoreFailed jetstream.ErrorCode = 10077

// StoreTimeout bounds one try to reach the ledger, the notes or another stream.
const StoreTimeout = 5 * time.Second

// Ledger is the result stream. The stream itself refuses a second result for a
// command: it holds one message per subject and discards new ones per subject.
type Ledger struct {
	js      jetstream.JetStream
	stream  jetstream.Stream
	reader  *streams.Reader
	prefix  messages.Prefix
	log     *slog.Logger
	Storing *health.Obstacle
}

// NewLedger returns the ledger that a stream is.
func NewLedger(js jetstream.JetStream, stream jetstream.Stream, prefix messages.Prefix, log *slog.Logger, storing *health.Obstacle) *Ledger {
	return &Ledger{js: js, stream: stream, reader: streams.NewReader(js, stream), prefix: prefix, log: log, Storing: storing}
}

// Run answers what is asked until the context ends.
func (l *Ledger) Run(ctx context.Context) { l.reader.Run(ctx) }

// Ask looks for the stored result of a command. A direct get may miss what a replica, or
// a mirror, does not have; where the command is not new that would be a second call, so
// the leader is asked.
func (l *Ledger) Ask(vcc, workNo, id string, isNew bool) *streams.Question {
	return ask(l.reader, l.prefix.Result(vcc, workNo, id), isNew)
}

func ask(r *streams.Reader, subject string, isNew bool) *streams.Question {
	if isNew {
		return r.Ask(subject)
	}
	return r.AskLeader(subject)
}

// Told returns the result that was asked for, nil if there is none.
func (l *Ledger) Told(ctx context.Context, q *streams.Question, id string) ([]byte, error) {
	msg, err := q.Answer(ctx)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the result of %s: %w", id, err)
	}
	return msg.Data, nil
}

// Find returns the stored result of a command, nil if there is none.
func (l *Ledger) Find(ctx context.Context, vcc, workNo, id string) ([]byte, error) {
	return l.Told(ctx, l.Ask(vcc, workNo, id, false), id)
}

// entry is a result as the ledger stores it. Trace headers of the command go along.
func (l *Ledger) entry(r messages.Result, command nats.Header) (*nats.Msg, error) {
	data, err := r.Encode()
	if err != nil {
		return nil, err
	}
	return &nats.Msg{Subject: l.prefix.Result(r.VCC, r.WorkNo, r.ID), Header: resultHeader(l.prefix, r, command), Data: data}, nil
}

// store writes a result once. It returns what the ledger holds afterwards: the
// given result, or the one that was there first. It tries until the context
// ends: a result that is not stored is a call that a redelivery repeats.
func (l *Ledger) store(ctx context.Context, r messages.Result, entry *nats.Msg) (held []byte, err error) {
	err = health.Insist(ctx, func() error {
		held, err = l.storeOnce(ctx, entry, r)
		return err
	}, func(err error, wait time.Duration) {
		l.Storing.Failed(ctx, err)
		l.log.LogAttrs(ctx, slog.LevelDebug, "result not stored yet",
			slog.String("id", r.ID), slog.Any("error", err), slog.Duration("retry_in", wait))
	})
	if err == nil {
		l.Storing.Worked(ctx)
	}
	return held, err
}

// fit returns an entry that NATS takes, shortened and marked so where that is needed.
func (l *Ledger) fit(msg *nats.Msg, r messages.Result) (*nats.Msg, error) {
	limit := SizeLimit(l.js.Conn(), l.stream)
	if msg.Size() <= limit {
		return msg, nil
	}
	shorter := &nats.Msg{Subject: msg.Subject, Header: maps.Clone(msg.Header), Data: msg.Data}
	shorter.Header.Set(messages.HeaderTruncated, strconv.Itoa(len(msg.Data)))
	for _, shorten := range shortenings() {
		shorten(shorter, &r)
		data, err := r.Encode()
		if err != nil {
			return nil, err
		}
		if shorter.Data = data; shorter.Size() <= limit {
			return shorter, nil
		}
	}
	return nil, fmt.Errorf("the result of %s has %d bytes at least, max_payload or max_msg_size of NATS allow %d: %w",
		r.ID, shorter.Size(), limit, nats.ErrMaxPayload)
}

// errTakenForRepeat: the message-id window has taken a result for a repeat, of itself
// or of the same id in another VCC.
var errTakenForRepeat = errors.New("taken for a repeat of another message")

// isRefusal tells an answer of the stream that it does not take a result: there is one,
// or the stream is full.
func isRefusal(err error) bool {
	var refused *jetstream.APIError
	return errors.Is(err, errTakenForRepeat) || errors.As(err, &refused) && refused.ErrorCode == errCodeStoreFailed
}

func (l *Ledger) storeOnce(ctx context.Context, msg *nats.Msg, r messages.Result) ([]byte, error) {
	msg, err := l.fit(msg, r)
	if err != nil {
		return nil, err
	}
	err = l.publish(ctx, msg)
	if err == nil {
		return msg.Data, nil
	}
	if !isRefusal(err) {
		Measure(ctx, l.stream, err)
		return nil, fmt.Errorf("storing the result of %s: %w", r.ID, err)
	}
	there, findErr := l.Find(ctx, r.VCC, r.WorkNo, r.ID)
	switch {
	case findErr != nil:
		return nil, findErr
	case there != nil:
		return there, nil
	default:
		return nil, fmt.Errorf("storing the result of %s: %w", r.ID, err)
	}
}

// publish stores a message and waits for the acknowledgement.
func (l *Ledger) publish(ctx context.Context, msg *nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, StoreTimeout)
	defer cancel()
	ack, err := l.js.PublishMsg(ctx, msg)
	if err == nil && ack.Duplicate {
		err = errTakenForRepeat
	}
	return err
}

// resultHeader is what every result carries besides its JSON. Trace headers of
// the command go along.
func resultHeader(prefix messages.Prefix, r messages.Result, command nats.Header) nats.Header {
	const most = 11 // of the values, which share one piece of memory
	header := make(nats.Header, most)
	values := make([]string, 0, most)
	set := func(name, value string) {
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set(jetstream.MsgIDHeader, r.ID)
	set("Content-Type", "application/json")
	set(messages.HeaderOutcome, string(r.Outcome))
	for name, value := range r.CloudEvent("/" + string(prefix) + "/" + r.VCC) {
		set(name, value)
	}
	for _, name := range traceHeaders() {
		if value := command.Get(name); value != "" {
			set(name, value)
		}
	}
	return header
}

// traceHeaders are the W3C Trace Context headers that go through to the result.
func traceHeaders() [2]string { return [...]string{"traceparent", "tracestate"} }
