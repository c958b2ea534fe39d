package sweep

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/intake"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/record"
	"github.com/forcelogout/forcelogout/worker/streams"
)

const (
	// lookPeriod is how often the stream is looked at while nothing is pulled.
	lookPeriod = time.Second
	// lookBatch is how many commands are read at a time, and lookBytes how many bytes for
	// one question: all these commands, and no heap of larger messages.
	lookBatch = 500
	lookBytes = lookBatch * messages.MaxCommandSize
	// endTogether is how many commands are ended at a time.
	endTogether = 64
)

// Expire ends, on time, commands that expire while no session can be had or
// the gateway is down, and so nothing is pulled. It reads them out of the stream,
// past the consumer. One worker of a VCC does so. Two for a moment are no harm: the
// ledger takes one result.
func (s *Sweeper) Expire(ctx context.Context) {
	ticker := time.NewTicker(lookPeriod)
	defer ticker.Stop()
	duty := newDuty(s.NATS, s.Prefix.Backlog(s.Reader.VCC), s.Log)
	defer duty.lay()
	var b backlog
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !s.Capacity.IsRestricted() {
			duty.lay()
			b = backlog{}
			continue
		}
		if !duty.mine(ctx) {
			b = backlog{}
			continue
		}
		if err := s.lookAtBacklog(ctx, &b, duty.say); err != nil && ctx.Err() == nil {
			s.LookingUp.Failed(ctx, err)
			s.Log.LogAttrs(ctx, slog.LevelDebug, "cannot look for expired commands", slog.Any("error", err))
			duty.lay()
			b = backlog{}
		}
	}
}

// lookAtBacklog reads what is due and what it has not seen yet, and ends what has
// expired. It tells that it is at work.
func (s *Sweeper) lookAtBacklog(ctx context.Context, b *backlog, atWork func()) error {
	for _, due := range b.due(time.Now()) {
		atWork()
		if err := s.lookAt(ctx, b, due); err != nil {
			return err
		}
	}
	for ctx.Err() == nil && s.Capacity.IsRestricted() {
		atWork()
		before := b.seen
		if err := s.lookAt(ctx, b, reading{span{from: b.seen + 1, to: math.MaxUint64}}); err != nil {
			return err
		}
		if b.seen == before {
			break
		}
	}
	return nil
}

// lookAt reads commands, a batch at most, and ends those that have expired.
func (s *Sweeper) lookAt(ctx context.Context, b *backlog, r reading) error {
	late, err := s.readBacklog(ctx, b, r)
	if err != nil {
		return err
	}
	return s.endLate(ctx, b, late)
}

// readBacklog returns the expired commands of a reading, and notes when the others
// expire.
func (s *Sweeper) readBacklog(ctx context.Context, b *backlog, r reading) (late []*waitingCommand, err error) {
	from, to := r[0].from, r[len(r)-1].to
	pages := streams.Pages{
		JS: s.JS, Stream: streams.NamesOf(s.Prefix).Commands, Subject: s.Prefix.Commands(s.Reader.VCC),
		Next: from, Most: int(min(to-from, lookBatch-1)) + 1, Bytes: lookBytes,
	}
	now := time.Now()
	var found []waits
	// Pages with large messages, which are no commands, end early.
	for last := false; !last && pages.Most > 0; {
		var read int
		read, last, err = s.readPage(ctx, &pages, func(msg jetstream.RawStreamMsg) {
			if !r.contains(msg.Sequence) {
				return // noted before
			}
			b.seen = max(b.seen, msg.Sequence)
			cmd, err := s.Reader.Decode(msg.Data)
			if err != nil {
				return // whoever pulls it writes the dead letter
			}
			x := s.Reader.Job(cmd, record.SourceOf(msg.Header, msg.Time))
			if now.Before(x.Expires) {
				found = append(found, waits{msg.Sequence, x.Expires})
				return
			}
			late = append(late, &waitingCommand{Job: x, header: msg.Header, seq: msg.Sequence})
		})
		if err != nil {
			return nil, fmt.Errorf("reading the command stream: %w", err)
		}
		pages.Most -= read
	}
	b.note(found)
	return late, nil
}

func (s *Sweeper) readPage(ctx context.Context, pages *streams.Pages, do func(jetstream.RawStreamMsg)) (read int, last bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, record.StoreTimeout)
	defer cancel()
	return pages.Read(ctx, func(msg jetstream.RawStreamMsg) bool {
		do(msg)
		return true
	})
}

// waitingCommand is a command in the stream.
type waitingCommand struct {
	*job.Job
	header nats.Header
	seq    uint64
	note   uint64 // sequence of its last note, 0 for none
}

// endLate ends expired commands, several at a time: at once what nobody has had, soon
// what was handed back in good order, and the rest when a worker that had it must be
// done or gone.
func (s *Sweeper) endLate(ctx context.Context, b *backlog, late []*waitingCommand) error {
	if len(late) == 0 {
		return nil
	}
	had, err := s.Intake.Delivered(ctx)
	if err != nil {
		return err
	}
	var again sync.Mutex
	var ends errgroup.Group
	ends.SetLimit(endTogether)
	for _, x := range late {
		ends.Go(func() error {
			gone, err := s.goneAt(ctx, x, had)
			switch {
			case err != nil:
				return err
			case time.Now().Before(gone):
				again.Lock()
				defer again.Unlock()
				b.note([]waits{{x.seq, gone}})
			default:
				s.Book.Record(ctx, record.End{
					Job: x.Job, Header: x.header, Note: x.note, Ending: x.Lapsed(), Done: func() error { return s.Commands.Remove(ctx, x.seq) },
				})
			}
			return nil
		})
	}
	return ends.Wait()
}

// goneAt finds out how far an expired command got, and when nobody can be at it any more.
func (s *Sweeper) goneAt(ctx context.Context, x *waitingCommand, had intake.Delivered) (time.Time, error) {
	p, note, err := s.Book.Notes.Recall(ctx, x.Command.ID)
	if err != nil {
		return time.Time{}, err
	}
	x.note, x.Cancelled = note, p.Cancelled
	switch {
	case !had.Has(x.seq, x.Stored) && !p.IsOfAnother(x.seq):
		return x.Expires, nil
	case p.Sequence == x.seq && p.Claim == 0:
		x.Recall(p, s.Classifier)
		return x.Expires.Add(record.RecordTime), nil
	}
	if p.Sequence == x.seq {
		x.Recall(p, s.Classifier)
	}
	x.Doubt()
	return x.Expires.Add(s.Intake.AckWait() + lookPeriod), nil
}
