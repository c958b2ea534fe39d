package sweep

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/record"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// A command is withdrawn by a note beside it (messages.Parked), which every worker
// reads before it executes the command. Workers that have it in hand already are
// nudged. So the holder decides between cancellation and call, and nobody else.

// HearWithdrawals takes nudges for what is in hand until the context ends.
func (s *Sweeper) HearWithdrawals(ctx context.Context) {
	s.eachCancel(ctx, "", func(c messages.Cancel, _ *nats.Msg) { s.Intake.Withdraw(c.ID, c.By) })
}

// EndWithdrawn ends withdrawn commands that nobody has in hand. One worker of a VCC
// gets each nudge; its answer says that it has looked.
func (s *Sweeper) EndWithdrawn(ctx context.Context) {
	s.eachCancel(ctx, s.Prefix.Consumer(s.Reader.VCC), func(c messages.Cancel, m *nats.Msg) {
		if err := s.withdrawWaiting(ctx, c); err != nil {
			s.Log.LogAttrs(ctx, slog.LevelWarn, "a withdrawn command is left until it is delivered", slog.String("id", c.ID), slog.Any("error", err))
		}
		_ = m.Respond(nil) // nobody may be waiting for it
	})
}

func (s *Sweeper) eachCancel(ctx context.Context, queue string, do func(messages.Cancel, *nats.Msg)) {
	sub, err := s.NATS.QueueSubscribeSync(s.Prefix.Cancel(s.Reader.VCC), queue)
	if err != nil {
		s.Log.LogAttrs(ctx, slog.LevelError, "cannot hear of withdrawn commands", slog.Any("error", err))
		return
	}
	defer func() { _ = sub.Unsubscribe() }()
	// Where a nudge is lost, the note is there all the same.
	for m := range streams.Heard(ctx, sub) {
		if c, err := messages.DecodeCancel(m.Data); err == nil {
			do(c, m)
		}
	}
}

// withdrawWaiting ends a withdrawn command that is surely with the server: nobody
// has had it, or it was handed back for longer. Whoever gets it from now on sees
// the note. A command that stands in another message, too, may be in a call there.
func (s *Sweeper) withdrawWaiting(ctx context.Context, c messages.Cancel) error {
	if c.Sequence == 0 || s.Intake.Has(c.ID) {
		return nil
	}
	msg, err := s.Commands.At(ctx, c.Sequence)
	if err != nil || msg == nil {
		return err
	}
	cmd, err := s.Reader.Decode(msg.Data)
	if err != nil || cmd.ID != c.ID {
		return nil
	}
	p, note, err := s.Book.Notes.Recall(ctx, c.ID)
	if err != nil || p.Cancelled == nil || p.IsOfAnother(c.Sequence) {
		return err
	}
	had, err := s.Intake.Delivered(ctx)
	if err != nil {
		return err
	}
	if had.Has(c.Sequence, msg.Time) && !p.IsWithServer(c.Sequence, time.Now()) {
		return nil
	}
	j := s.Reader.Job(cmd, record.SourceOf(msg.Header, msg.Time))
	j.Recall(p, s.Classifier)
	j.Cancelled = p.Cancelled
	ending, ok := j.Withdrawn()
	if !ok {
		return nil // whoever gets it asks for the agent's state
	}
	s.Book.Record(ctx, record.End{
		Job: j, Header: msg.Header, Note: note, Ending: ending, Done: func() error { return s.Commands.Remove(ctx, c.Sequence) },
	})
	return nil
}
