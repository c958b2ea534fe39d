package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

const (
	// historyBatch is how many results a reading of all of them asks for at a time.
	historyBatch = 4096
	// historyPatience is how long a reading goes on where nothing comes.
	historyPatience = 30 * time.Second
)

// Past is a result that the stream has.
type Past struct {
	messages.Result
	StoredAt time.Time
	Err      error // nil, or why it cannot be read as a result
}

// History calls do for each result that the stream has when the reading begins, the
// oldest first, each once. It returns nil only where do has had all of them. Results
// stored before keptSince may have been removed for their age, and none where keptSince
// is zero.
//
// A consumer reads, and no direct get: a mirror may answer that, which lacks the newest.
func (c *Client) History(ctx context.Context, do func(Past)) (keptSince time.Time, err error) {
	stream, err := c.js.Stream(ctx, c.names.Results)
	if err != nil {
		return time.Time{}, c.explain("reading results", err)
	}
	info := stream.CachedInfo()
	h := &history{client: c, stream: stream, info: info, do: do, next: info.State.FirstSeq}
	if err := h.read(ctx); err != nil {
		return time.Time{}, err
	}
	switch {
	case info.State.FirstSeq <= 1:
		return time.Time{}, nil
	case info.Config.MaxAge > 0:
		return time.Now().Add(-info.Config.MaxAge), nil
	}
	return info.State.FirstTime, nil
}

// history is a reading under way.
type history struct {
	client *Client
	stream jetstream.Stream
	info   *jetstream.StreamInfo // at the beginning
	do     func(Past)

	next  uint64 // sequence
	first uint64 // sequence of the first that was read, 0 for none
	count uint64
}

// read reads until the end. Where nothing comes it asks again, until its patience ends.
func (h *history) read(ctx context.Context) error {
	for last := time.Now(); ; {
		before := h.count
		dry, err := h.some(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case h.whole() || dry && h.alone():
			return nil
		case h.count > before:
			last = time.Now()
		case time.Since(last) > historyPatience || err != nil && lasting(err):
			return h.cut(err)
		case dry || err != nil:
			pause(ctx, 200*time.Millisecond)
		}
	}
}

// some reads what comes without a pause of readTime. It reports whether the consumer has
// said that there is no more.
func (h *history) some(ctx context.Context) (dry bool, err error) {
	asking, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	consumer, err := h.stream.OrderedConsumer(asking, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(1, h.next),
		MaxResetAttempts: 1, // read asks again
	})
	if err != nil {
		return false, err
	}
	if consumer.CachedInfo().NumPending == 0 {
		return true, nil
	}
	feed, err := consumer.Messages(jetstream.PullMaxMessages(pullUpTo(consumer, historyBatch)))
	if err != nil {
		return false, err
	}
	defer feed.Stop()
	defer context.AfterFunc(ctx, feed.Stop)()
	for !h.whole() {
		msg, err := feed.Next(jetstream.NextMaxWait(readTime))
		if err != nil {
			return false, err
		}
		about, err := msg.Metadata()
		if err != nil {
			return false, err
		}
		h.take(msg, about)
		if about.NumPending == 0 {
			return true, nil
		}
	}
	return true, nil
}

func (h *history) take(msg jetstream.Msg, about *jetstream.MsgMetadata) {
	seq := about.Sequence.Stream
	if seq < h.next || seq > h.info.State.LastSeq {
		return
	}
	if h.first == 0 {
		h.first = seq
	}
	h.next = seq + 1
	h.count++
	past := Past{StoredAt: about.Timestamp}
	past.Result, past.Err = messages.DecodeResult(msg.Data())
	h.do(past)
}

// whole reports whether all has been read that was there at the beginning. What has aged
// out since then was at the front.
func (h *history) whole() bool {
	s := h.info.State
	if s.Msgs == 0 || h.next > s.LastSeq {
		return true
	}
	return h.count > 0 && h.count+(h.first-s.FirstSeq) >= s.Msgs
}

// alone reports whether one server has the stream. A consumer may be with another server
// than the stream's leader, and that one may lack the newest.
func (h *history) alone() bool {
	return h.info.Cluster == nil || len(h.info.Cluster.Replicas) == 0
}

func (h *history) cut(err error) error {
	if err == nil {
		err = errors.New("nothing comes any more")
	}
	return h.client.explain(fmt.Sprintf("reading results, of which %d of %d came", h.count, h.info.State.Msgs), err)
}
