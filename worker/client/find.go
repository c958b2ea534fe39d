package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

const (
	readTime  = 5 * time.Second // of one read
	readBatch = 500             // messages at a time
)

// open is a command that has not ended: it is for later, or it waits in the
// command stream, where it also is while a worker has it.
type open struct {
	command   messages.Command
	scheduled bool
	seq       uint64 // of the message that waits for workers; 0 for none
	stored    time.Time
}

// eachOpen calls do for each message of the command stream of a VCC until do
// returns false: first those that are for later, then the rest, the oldest first.
// So one that comes to its time meanwhile is not missed. Messages that are no
// commands are left out.
func (c *Client) eachOpen(ctx context.Context, vcc string, do func(open) bool) error {
	subjects := []string{c.prefix.Schedule(vcc, messages.AnyToken), c.prefix.Commands(vcc)}
	for _, subject := range subjects {
		if err := c.eachMessage(ctx, streams.NamesOf(c.prefix).Commands, subject, func(msg *jetstream.RawStreamMsg) bool {
			command, err := messages.DecodeCommand(msg.Data)
			if err != nil {
				return true
			}
			o := open{command: command, seq: msg.Sequence, stored: msg.Time}
			if strings.HasPrefix(msg.Subject, c.prefix.Schedule(vcc, "")) {
				o.scheduled, o.seq = true, 0
			}
			return do(o)
		}); err != nil {
			return err
		}
	}
	return nil
}

// eachMessage calls do for the messages of a stream on a subject, the oldest first,
// until do returns false.
func (c *Client) eachMessage(ctx context.Context, stream, subject string, do func(*jetstream.RawStreamMsg) bool) error {
	for next := uint64(1); ; {
		read := 0
		batch, err := jetstreamext.GetBatch(ctx, c.js, stream, readBatch,
			jetstreamext.GetBatchSubject(subject), jetstreamext.GetBatchSeq(next))
		if err != nil {
			return fmt.Errorf("reading the stream %s: %w", stream, notSetUp(err))
		}
		for msg, err := range batch {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				break
			}
			if err != nil {
				return fmt.Errorf("reading the stream %s: %w", stream, notSetUp(err))
			}
			read++
			next = msg.Sequence + 1
			if !do(msg) {
				return nil
			}
		}
		if read < readBatch {
			return ctx.Err()
		}
	}
}

// note is what is known of a command beside its message, and the note's sequence,
// 0 for none.
func (c *Client) note(ctx context.Context, vcc, id string) (messages.Parked, uint64, error) {
	msg, err := c.last(ctx, streams.NamesOf(c.prefix).Parked, c.prefix.Parked(vcc, id))
	if err != nil || msg == nil {
		return messages.Parked{}, 0, err
	}
	note, err := messages.DecodeParked(msg.Data)
	return note, msg.Sequence, err
}

// last is the last message on a subject, nil if there is none.
func (c *Client) last(ctx context.Context, stream, subject string) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	s, err := c.stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	msg, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", subject, err)
	}
	return msg, nil
}

// lasts calls do for the last message on each of the subjects, as far as there are
// any.
func (c *Client) lasts(ctx context.Context, stream string, subjects []string, do func(subject string, data []byte)) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	found, err := streams.Lasts(ctx, c.js, stream, subjects)
	if err != nil {
		return notSetUp(err)
	}
	for subject, msg := range found {
		do(subject, msg.Data)
	}
	return nil
}

// stream opens a stream once.
func (c *Client) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.opened[name]; s != nil {
		return s, nil
	}
	s, err := c.js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("opening the stream %s: %w", name, notSetUp(err))
	}
	c.opened[name] = s
	return s, nil
}
