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
	// passBatch and passBytes bound what the server sends for one request of a pass: the
	// server is slow to start a batch in a large stream, and memory is to stay flat.
	passBatch = 5000
	passBytes = 4 << 20
	// passRetries is how often in a row a batch may have no answer.
	passRetries = 6
)

// batchRequest asks for messages of a stream in their order.
type batchRequest struct {
	Seq      uint64 `json:"seq"`
	Batch    int    `json:"batch"`
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
		batch, left, err := c.batch(ctx, stream, batchRequest{Seq: next, Batch: passBatch, MaxBytes: passBytes, NextFor: subject})
		for _, msg := range batch {
			next = msg.seq + 1
			if !do(msg) {
				return nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && left == 0:
			return nil
		case err == nil || len(batch) > 0:
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

// batch reads some messages, and how many there are after them. What came before an
// error is good.
func (c *Client) batch(ctx context.Context, stream string, r batchRequest) (batch []stored, left uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	request, err := json.Marshal(r)
	if err != nil {
		return nil, 0, err
	}
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the stream %s: %w", stream, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	// The request bounds what can come.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, 0, err
	}
	if err := c.nc.PublishRequest(streams.APISubject(c.js, "DIRECT.GET."+stream), inbox, request); err != nil {
		return nil, 0, fmt.Errorf("reading the stream %s: %w", stream, err)
	}
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return batch, 0, c.explainStream(ctx, stream, err)
		}
		if status := msg.Header.Get("Status"); status != "" {
			left, err = batchEnd(status, msg.Header)
			return batch, left, c.explainStream(ctx, stream, err)
		}
		one, err := readStored(msg)
		if err != nil {
			return batch, 0, err
		}
		batch = append(batch, one)
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
	batch, left, err := c.batch(ctx, stream, batchRequest{Seq: 1, Batch: 1, NextFor: subject})
	if err != nil || len(batch) == 0 {
		return 0, stored{}, err
	}
	return left + 1, batch[0], nil
}
