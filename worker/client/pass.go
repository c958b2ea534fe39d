package client

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/worker/streams"
)

const (
	// passBatch and passBytes bound what the server sends for one request of a pass. In a
	// large stream it takes a third of a second to begin, so they are large; what has come
	// and is not looked at yet waits in memory.
	passBatch = 100_000
	passBytes = 24 << 20
	// passRetries is how often in a row a batch may have no answer.
	passRetries = 6
)

// batchRequest asks for messages of a stream in their order.
type batchRequest struct {
	Seq      uint64 `json:"seq"`
	Batch    int    `json:"batch,omitempty"`
	MaxBytes int    `json:"max_bytes,omitempty"`
	NextFor  string `json:"next_by_subj,omitempty"`
	NoHeader bool   `json:"no_hdr,omitempty"`
}

// pass calls do for every message of a stream, the oldest first, until do returns
// false. It reads whole batches in advance, so that a slow reader loses nothing, and
// asks again for what did not come.
//
// It filters no subjects: where many match, the server counts them anew for each batch,
// which takes longer than to read them. A consumer would not do: a work queue gives
// what a worker's consumer has to nobody else.
func (c *Client) pass(ctx context.Context, stream string, do func(stored) bool) error {
	return c.passOf(ctx, stream, "", do)
}

// passOf is pass for one subject, "" for all.
func (c *Client) passOf(ctx context.Context, stream, subject string, do func(stored) bool) error {
	r := batchRequest{Seq: 1, Batch: passBatch, MaxBytes: passBytes, NextFor: subject}
	return c.insistOn(ctx, func() (read int, last bool, err error) {
		more := true
		end, err := c.batch(ctx, stream, r, func(msg *nats.Msg) (bool, error) {
			one, err := readStored(msg)
			if err != nil {
				return false, err
			}
			r.Seq = one.seq + 1
			read++
			more = do(one)
			return more, nil
		})
		return read, !more || err == nil && end.left == 0, err
	})
}

// payloads calls do for the payload of each message on a subject, the oldest first. The
// server is several times as fast with these as with messages, whose headers it makes
// anew for each.
func (c *Client) payloads(ctx context.Context, stream, subject string, do func([]byte)) error {
	r := batchRequest{Seq: 1, Batch: passBatch, MaxBytes: passBytes, NextFor: subject, NoHeader: true}
	return c.insistOn(ctx, func() (int, bool, error) {
		var read [][]byte // they count when the end says up to where they are
		end, err := c.batch(ctx, stream, r, func(msg *nats.Msg) (bool, error) {
			read = append(read, msg.Data)
			return true, nil
		})
		if err != nil {
			return 0, false, err
		}
		for _, data := range read {
			do(data)
		}
		r.Seq = end.seq + 1
		// What the end says of the number to come is not to be relied on without headers.
		return len(read), len(read) == 0, nil
	})
}

// insistOn reads batch after batch until one is the last. A batch without an answer is
// read again, some times in a row.
func (c *Client) insistOn(ctx context.Context, batch func() (read int, last bool, err error)) error {
	for failed := 0; ; {
		read, last, err := batch()
		switch {
		case last:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil || read > 0:
			failed = 0
			continue
		}
		if failed++; failed == passRetries || lasting(err) {
			return err
		}
		timer := time.NewTimer(time.Duration(failed) * 100 * time.Millisecond)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// batchEnd is what the server says at the end of a batch.
type batchEnd struct {
	left uint64 // messages to come
	seq  uint64 // of the last one
}

// batch calls do for some messages until it returns false.
func (c *Client) batch(ctx context.Context, stream string, r batchRequest, do func(*nats.Msg) (more bool, err error)) (batchEnd, error) {
	request, err := json.Marshal(r)
	if err != nil {
		return batchEnd{}, err
	}
	inbox := c.nc.NewInbox()
	// The request bounds what can come. There is room for all of it, and for the end: a
	// queue of the connection's own may be shorter, and loses what does not fit.
	coming := make(chan *nats.Msg, max(1, r.Batch)+1)
	sub, err := c.nc.ChanSubscribe(inbox, coming)
	if err != nil {
		return batchEnd{}, fmt.Errorf("reading the stream %s: %w", stream, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := c.nc.PublishRequest(streams.APISubject(c.js, "DIRECT.GET."+stream), inbox, request); err != nil {
		return batchEnd{}, fmt.Errorf("reading the stream %s: %w", stream, err)
	}
	// Each message may take that long, and not all of them together.
	silent := time.NewTimer(readTime)
	defer silent.Stop()
	for {
		var msg *nats.Msg
		select {
		case msg = <-coming:
		case <-silent.C:
			return batchEnd{}, c.explainStream(ctx, stream, context.DeadlineExceeded)
		case <-ctx.Done():
			return batchEnd{}, c.explainStream(ctx, stream, ctx.Err())
		}
		if status := msg.Header.Get("Status"); status != "" {
			end, err := readEnd(status, msg.Header)
			return end, c.explainStream(ctx, stream, err)
		}
		if more, err := do(msg); err != nil || !more {
			return batchEnd{}, err
		}
		silent.Reset(readTime)
	}
}

// readEnd reads the message that ends a batch.
func readEnd(status string, header nats.Header) (end batchEnd, err error) {
	switch status {
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
	}
	return end, fmt.Errorf("NATS answers %s %s", status, header.Get("Description"))
}

// count counts the messages on a subject, which may have wildcards, without reading
// them, and returns the oldest.
func (c *Client) count(ctx context.Context, stream, subject string) (n uint64, oldest stored, err error) {
	found := false
	end, err := c.batch(ctx, stream, batchRequest{Seq: 1, Batch: 1, NextFor: subject}, func(msg *nats.Msg) (bool, error) {
		var err error
		oldest, err = readStored(msg)
		found = err == nil
		return found, err
	})
	if err != nil || !found {
		return 0, stored{}, err
	}
	return end.left + 1, oldest, nil
}
