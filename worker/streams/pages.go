package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Pages reads the messages of a stream in their order, a page at a time, by direct get. A
// consumer would not do: a work queue gives what one consumer has to no other.
//
// Where many subjects match Subject, the server counts the messages anew for each page,
// which takes longer than to read all of them.
type Pages struct {
	JS      jetstream.JetStream
	Stream  string
	Subject string // "" for all; may have wildcards
	Next    uint64 // the next page begins at this sequence; 0 is the beginning of the stream
	Most    int    // messages of one page
	Bytes   int    // a page ends after so many; 0 for what the server can send
}

// pageRequest asks for messages of a stream in their order. Without a batch it asks for one
// message.
type pageRequest struct {
	Seq      uint64 `json:"seq"`
	Batch    int    `json:"batch,omitempty"`
	MaxBytes int    `json:"max_bytes,omitempty"`
	NextFor  string `json:"next_by_subj,omitempty"`
	NoHeader bool   `json:"no_hdr,omitempty"`
}

func (p *Pages) request() pageRequest {
	return pageRequest{Seq: max(1, p.Next), Batch: p.Most, MaxBytes: p.Bytes, NextFor: p.Subject}
}

// Read reads the next page and calls do for each message until do returns false. A reader
// may be slow: the page waits in memory. The next page begins after the last message that
// was given to do, also where Read returns an error, so that nothing is left out and
// nothing comes twice. Last reports that no message was left, or do returned false. The
// error is nats.ErrNoResponders where nobody answers for the stream, and
// context.DeadlineExceeded where no message comes in time.
func (p *Pages) Read(ctx context.Context, do func(jetstream.RawStreamMsg) (more bool)) (read int, last bool, err error) {
	more := true
	end, err := p.page(ctx, p.request(), func(msg *nats.Msg) (bool, error) {
		one, err := rawMsg(msg)
		if err != nil {
			return false, err
		}
		p.Next = one.Sequence + 1
		read++
		more = do(one)
		return more, nil
	})
	return read, !more || err == nil && end.left == 0, err
}

// ReadPayloads is Read for payloads alone, which a server sends several times as fast as
// messages: it makes a message's headers anew for each page. The payloads of a page that
// was not read to its end are not given to do; they are in the next page again.
func (p *Pages) ReadPayloads(ctx context.Context, do func([]byte)) (read int, last bool, err error) {
	request := p.request()
	request.NoHeader = true
	var all [][]byte // only the end of the page says up to which sequence they go
	end, err := p.page(ctx, request, func(msg *nats.Msg) (bool, error) {
		all = append(all, msg.Data)
		return true, nil
	})
	if err != nil {
		return 0, false, err
	}
	for _, data := range all {
		do(data)
	}
	p.Next = end.seq + 1
	// Without headers, the number of messages to come is not to be relied on.
	return len(all), len(all) == 0, nil
}

// First reads the first message on a subject from a sequence on. Without a subject it reads
// the message with that sequence. The error is jetstream.ErrMsgNotFound where there is none.
func First(ctx context.Context, js jetstream.JetStream, stream, subject string, seq uint64) (jetstream.RawStreamMsg, error) {
	request, err := json.Marshal(pageRequest{Seq: seq, NextFor: subject})
	if err != nil {
		return jetstream.RawStreamMsg{}, err
	}
	msg, err := js.Conn().RequestWithContext(ctx, APISubject(js, "DIRECT.GET."+stream), request)
	if err != nil {
		return jetstream.RawStreamMsg{}, fmt.Errorf("reading the stream %s: %w", stream, err)
	}
	if isStored(msg) {
		return rawMsg(msg)
	}
	_, err = readPageEnd(msg.Header)
	if err == nil {
		err = jetstream.ErrMsgNotFound
	}
	return jetstream.RawStreamMsg{}, err
}

// Count counts the messages on a subject, which may have wildcards, without reading them,
// and returns the oldest. Without a message the oldest is the zero value.
func Count(ctx context.Context, js jetstream.JetStream, stream, subject string) (n uint64, oldest jetstream.RawStreamMsg, err error) {
	p := Pages{JS: js, Stream: stream, Subject: subject, Most: 1}
	end, err := p.page(ctx, p.request(), func(msg *nats.Msg) (more bool, err error) {
		oldest, err = rawMsg(msg)
		n = 1
		return true, err
	})
	if err != nil {
		return 0, jetstream.RawStreamMsg{}, err
	}
	return n + end.left, oldest, nil
}

// pageEnd is what the server says at the end of a page.
type pageEnd struct {
	left uint64 // messages to come
	seq  uint64 // of the last message of the page
}

// page asks for a page, and calls do for the messages until do returns false.
func (p *Pages) page(ctx context.Context, r pageRequest, do func(*nats.Msg) (more bool, err error)) (pageEnd, error) {
	request, err := json.Marshal(r)
	if err != nil {
		return pageEnd{}, err
	}
	nc := p.JS.Conn()
	inbox := nc.NewInbox()
	// The request bounds what can come. There is room for all of it, and for the end: a
	// queue of the connection's own may be shorter, and loses what does not fit.
	coming := make(chan *nats.Msg, r.Batch+1)
	sub, err := nc.ChanSubscribe(inbox, coming)
	if err != nil {
		return pageEnd{}, fmt.Errorf("reading the stream %s: %w", p.Stream, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := nc.PublishRequest(APISubject(p.JS, "DIRECT.GET."+p.Stream), inbox, request); err != nil {
		return pageEnd{}, fmt.Errorf("reading the stream %s: %w", p.Stream, err)
	}
	// Each message may take that long, and not all of them together.
	silent := time.NewTimer(answerTime)
	defer silent.Stop()
	for {
		var msg *nats.Msg
		select {
		case msg = <-coming:
		case <-silent.C:
			return pageEnd{}, context.DeadlineExceeded
		case <-ctx.Done():
			return pageEnd{}, ctx.Err()
		}
		if !r.NoHeader && !isStored(msg) || r.NoHeader && len(msg.Header) > 0 {
			return readPageEnd(msg.Header)
		}
		if more, err := do(msg); err != nil || !more {
			return pageEnd{}, err
		}
		silent.Reset(answerTime)
	}
}

// isStored tells a message of a stream, whoever wrote its headers, from what the server
// says itself.
func isStored(msg *nats.Msg) bool { return told(msg.Header, jetstream.StreamHeader) != "" }

// rawMsg reads what the server says of a stored message.
func rawMsg(msg *nats.Msg) (jetstream.RawStreamMsg, error) {
	seq, err := strconv.ParseUint(told(msg.Header, jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return jetstream.RawStreamMsg{}, errors.New("a message from NATS has no sequence")
	}
	at, err := time.Parse(time.RFC3339Nano, told(msg.Header, jetstream.TimeStampHeaer))
	if err != nil {
		return jetstream.RawStreamMsg{}, errors.New("a message from NATS has no time")
	}
	return jetstream.RawStreamMsg{Subject: told(msg.Header, jetstream.SubjectHeader), Sequence: seq, Header: msg.Header, Data: msg.Data, Time: at}, nil
}

// readPageEnd reads the message that ends a page.
func readPageEnd(header nats.Header) (end pageEnd, err error) {
	switch status := header.Get("Status"); status {
	case "204":
		end.left, err = strconv.ParseUint(header.Get("Nats-Num-Pending"), 10, 64)
		if err == nil {
			end.seq, err = strconv.ParseUint(header.Get("Nats-Last-Sequence"), 10, 64)
		}
		return end, err
	case "404":
		return end, nil
	case "503":
		return end, nats.ErrNoResponders
	default:
		return end, fmt.Errorf("NATS answers %s %s", status, header.Get("Description"))
	}
}
