package client

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/streams"
)

const (
	// passBatch and passBytes bound what the server sends for one page. In a large stream a
	// page takes a third of a second to begin, so pages are large; what has come and is not
	// looked at yet waits in memory.
	passBatch = 100_000
	passBytes = 24 << 20
	// passRetries is how often in a row a page may have no answer.
	passRetries = 6
)

func (c *Client) pages(stream, subject string) *streams.Pages {
	return &streams.Pages{JS: c.js, Stream: stream, Subject: subject, Most: passBatch, Bytes: passBytes}
}

// pass calls do for every message on a subject of a stream, "" for all, the oldest first,
// until do returns false. A slow reader loses nothing, and pass asks again for what did
// not come.
func (c *Client) pass(ctx context.Context, stream, subject string, do func(jetstream.RawStreamMsg) bool) error {
	pages := c.pages(stream, subject)
	return c.insistOn(ctx, stream, func() (read int, last bool, err error) { return pages.Read(ctx, do) })
}

// payloads calls do for the payload of each message on a subject, the oldest first.
func (c *Client) payloads(ctx context.Context, stream, subject string, do func([]byte)) error {
	pages := c.pages(stream, subject)
	return c.insistOn(ctx, stream, func() (read int, last bool, err error) { return pages.ReadPayloads(ctx, do) })
}

// insistOn reads page after page until one is the last. A page that had no answer is read
// again, some times in a row.
func (c *Client) insistOn(ctx context.Context, stream string, page func() (read int, last bool, err error)) error {
	for failed := 0; ; {
		read, last, err := page()
		switch {
		case last:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil || read > 0:
			failed = 0
			continue
		}
		if err = c.explainStream(ctx, stream, err); lasting(err) {
			return err
		}
		if failed++; failed == passRetries {
			return err
		}
		pause(ctx, time.Duration(failed)*100*time.Millisecond)
	}
}

// pause waits, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// count counts the messages on a subject, which may have wildcards, without reading
// them, and returns the oldest.
func (c *Client) count(ctx context.Context, stream, subject string) (n uint64, oldest jetstream.RawStreamMsg, err error) {
	n, oldest, err = streams.Count(ctx, c.js, stream, subject)
	return n, oldest, c.explainStream(ctx, stream, err)
}

// next reads the first message on a subject from a sequence on; "" is for the message
// with that sequence. The error is jetstream.ErrMsgNotFound where there is none.
func (c *Client) next(ctx context.Context, stream string, seq uint64, subject string) (jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	msg, err := streams.First(ctx, c.js, stream, subject, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return msg, err
	}
	return msg, c.explainStream(ctx, stream, err)
}
