package sweep

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/intake"
	"github.com/forcelogout/forcelogout/worker/record"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// swallowedPause is the least time between two looks for swallowed messages.
const swallowedPause = time.Second

// errSwallowed is why such a message is a dead letter.
var errSwallowed = errors.New("the message is empty and has a header Status, by which clients of NATS take it for the server's own")

// EndSwallowed moves messages to the dead letters that are no commands and that nats.go
// gives to nobody, until the context ends. Whoever has such a message, it is not in a call.
func (s *Sweeper) EndSwallowed(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.Intake.Swallowed():
		}
		if err := s.endSwallowed(ctx); err != nil && ctx.Err() == nil {
			s.Log.LogAttrs(ctx, slog.LevelDebug, "cannot look for messages that nobody gets", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(swallowedPause):
		}
	}
}

// endSwallowed reads what the server has delivered and nobody has ended.
func (s *Sweeper) endSwallowed(ctx context.Context) error {
	from, to, err := s.Intake.Unacked(ctx)
	if err != nil {
		return err
	}
	pages := streams.Pages{
		JS: s.JS, Stream: streams.NamesOf(s.Prefix).Commands, Subject: s.Prefix.Commands(s.Reader.VCC),
		Next: from, Most: lookBatch, Bytes: lookBytes,
	}
	for last := false; !last && pages.Next <= to; {
		var found []jetstream.RawStreamMsg
		_, last, err = s.readPage(ctx, &pages, func(msg jetstream.RawStreamMsg) {
			if msg.Sequence <= to && intake.IsSwallowed(msg) {
				found = append(found, msg)
			}
		})
		if err != nil {
			return err
		}
		for _, msg := range found {
			if err := s.Letters.Write(ctx, record.Invalid{Sequence: msg.Sequence, Subject: msg.Subject, Reason: errSwallowed}); err != nil {
				return err
			}
			if err := s.Commands.Remove(ctx, msg.Sequence); err != nil {
				return err
			}
		}
	}
	return nil
}
