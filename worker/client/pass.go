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
	next, failed := uint64(1), 0
	for {
		more, read := true, 0
		left, err := c.batch(ctx, stream, batchRequest{Seq: next, Batch: passBatch, MaxBytes: passBytes, NextFor: subject}, func(msg stored) bool {
			next = msg.seq + 1
			read++
			more = do(msg)
			return more
		})
		switch {
		case !more:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && left == 0:
			return nil
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

// batch calls do for some messages until it returns false, and returns how many there
// are after them.
func (c *Client) batch(ctx context.Context, stream string, r batchRequest, do func(stored) bool) (left uint64, err error) {
	request, err := json.Marshal(r)
	if err != nil {
		return 0, err
	}
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return 0, fmt.Errorf("reading the stream %s: %w", stream, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	// The request bounds what can come.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return 0, err
	}
	if err := c.nc.PublishRequest(streams.APISubject(c.js, "DIRECT.GET."+stream), inbox, request); err != nil {
		return 0, fmt.Errorf("reading the stream %s: %w", stream, err)
	}
	// Each message may take that long, and not all of them together.
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	silent := time.AfterFunc(readTime, cancel)
	defer silent.Stop()
	for {
		msg, err := sub.NextMsgWithContext(waiting)
		if err != nil {
			if waiting.Err() != nil && ctx.Err() == nil {
				err = context.DeadlineExceeded
			}
			return 0, c.explainStream(ctx, stream, err)
		}
		silent.Stop()
		if status := msg.Header.Get("Status"); status != "" {
			left, err = batchEnd(status, msg.Header)
			return left, c.explainStream(ctx, stream, err)
		}
		one, err := readStored(msg)
		if err != nil || !do(one) {
			return 0, err
		}
		silent.Reset(readTime)
	}
}

// batchEnd reads the message that ends a batch.
func batchEnd(status string, header nats.Header) (left uint64, err error) {
	switch status {
	case "204":
		return strconv.ParseUint(header.Get("Nats-Num-Pending"), 10, 64)
	case "404":
		return 0, nil
	case "503":
		return 0, nats.ErrNoResponders
	}
	return 0, fmt.Errorf("NATS answers %s %s", status, header.Get("Description"))
}

// count counts the messages on a subject, which may have wildcards, without reading
// them, and returns the oldest.
func (c *Client) count(ctx context.Context, stream, subject string) (n uint64, oldest stored, err error) {
	found := false
	left, err := c.batch(ctx, stream, batchRequest{Seq: 1, Batch: 1, NextFor: subject}, func(msg stored) bool {
		oldest, found = msg, true
		return true
	})
	if err != nil || !found {
		return 0, stored{}, err
	}
	return left + 1, oldest, nil
}
