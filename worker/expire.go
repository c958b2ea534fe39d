package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/synadia-io/orbit.go/jetstreamext"
	"golang.org/x/sync/errgroup"

	"github.com/forcelogout/forcelogout/worker/streams"
)

const (
	// lookPeriod is how often the stream is looked at while nothing is pulled.
	lookPeriod = time.Second
	// lookBatch is how many commands are read at a time.
	lookBatch = 500
	// endTogether is how many commands are ended at a time.
	endTogether = 64
	// recordTime is how long after its end a worker may need to record it.
	recordTime = 2 * time.Second
)

// expireUnpulled ends, on time, commands that expire while no session can be had or
// the gateway is down, and so nothing is pulled. It reads them out of the stream,
// past the consumer. One worker of a VCC does so. Two for a moment are no harm: the
// ledger takes one result.
func (w *Worker) expireUnpulled(ctx context.Context) {
	ticker := time.NewTicker(lookPeriod)
	defer ticker.Stop()
	duty := newDuty(w.nc, w.cfg.Prefix.Backlog(w.cfg.VCC), w.log)
	defer duty.lay()
	var b backlog
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !w.room.isRestricted() {
			duty.lay()
			b = backlog{}
			continue
		}
		if !duty.mine(ctx) {
			b = backlog{}
			continue
		}
		if err := w.lookAtBacklog(ctx, &b, duty.say); err != nil && ctx.Err() == nil {
			w.lookups.failed(ctx, err)
			w.log.LogAttrs(ctx, slog.LevelDebug, "cannot look for expired commands", slog.Any("error", err))
			duty.lay()
			b = backlog{}
		}
	}
}

// lookAtBacklog reads what is due and what it has not seen yet, and ends what has
// expired. It tells that it is at work.
func (w *Worker) lookAtBacklog(ctx context.Context, b *backlog, atWork func()) error {
	for _, due := range b.due(time.Now()) {
		atWork()
		if err := w.lookAt(ctx, b, due); err != nil {
			return err
		}
	}
	for ctx.Err() == nil && w.room.isRestricted() {
		atWork()
		before := b.seen
		if err := w.lookAt(ctx, b, reading{span{from: b.seen + 1, to: math.MaxUint64}}); err != nil {
			return err
		}
		if b.seen == before {
			break
		}
	}
	return nil
}

// lookAt reads commands, a batch at most, and ends those that have expired.
func (w *Worker) lookAt(ctx context.Context, b *backlog, r reading) error {
	late, err := w.readBacklog(ctx, b, r)
	if err != nil {
		return err
	}
	return w.endLate(ctx, b, late)
}

// readBacklog returns the expired commands of a reading, and notes when the others
// expire.
func (w *Worker) readBacklog(ctx context.Context, b *backlog, r reading) (late []waitingCommand, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	from, to := r[0].from, r[len(r)-1].to
	most := int(min(to-from, lookBatch-1)) + 1
	batch, err := jetstreamext.GetBatch(ctx, w.js, streams.NamesOf(w.cfg.Prefix).Commands, most,
		jetstreamext.GetBatchSubject(w.cfg.Prefix.Commands(w.cfg.VCC)), jetstreamext.GetBatchSeq(from))
	if err != nil {
		return nil, fmt.Errorf("reading the command stream: %w", err)
	}
	now := time.Now()
	var found []waits
	for msg, err := range batch {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the command stream: %w", err)
		}
		if !r.contains(msg.Sequence) {
			continue // noted before
		}
		b.seen = max(b.seen, msg.Sequence)
		cmd, err := w.decode(msg.Data)
		if err != nil {
			continue // whoever pulls it writes the dead letter
		}
		x := w.newExecution(cmd, msg.Header, msg.Time)
		if now.Before(x.expires) {
			found = append(found, waits{msg.Sequence, x.expires})
			continue
		}
		late = append(late, waitingCommand{x, msg.Sequence, msg.Time})
	}
	b.note(found)
	return late, nil
}

// waitingCommand is a command in the stream.
type waitingCommand struct {
	*execution
	seq    uint64
	stored time.Time
}

// endLate ends expired commands, several at a time: at once what nobody has had, soon
// what was handed back in good order, and the rest when a worker that had it must be
// done or gone.
func (w *Worker) endLate(ctx context.Context, b *backlog, late []waitingCommand) error {
	if len(late) == 0 {
		return nil
	}
	had, err := w.intake.deliveredSoFar(ctx)
	if err != nil {
		return err
	}
	var again sync.Mutex
	var ends errgroup.Group
	ends.SetLimit(endTogether)
	for _, x := range late {
		ends.Go(func() error {
			gone, err := w.goneAt(ctx, x, had)
			switch {
			case err != nil:
				return err
			case time.Now().Before(gone):
				again.Lock()
				defer again.Unlock()
				b.note([]waits{{x.seq, gone}})
			default:
				w.end(ctx, x.execution, *x.lapsed(), func() error { return w.remove(ctx, x.seq) })
			}
			return nil
		})
	}
	return ends.Wait()
}

// goneAt finds out how far an expired command got, and when nobody can be at it any more.
func (w *Worker) goneAt(ctx context.Context, x waitingCommand, had delivered) (time.Time, error) {
	p, note, err := w.parking.recall(ctx, x.cmd.ID)
	if err != nil {
		return time.Time{}, err
	}
	x.note, x.cancelled = note, p.Cancelled
	switch {
	case !had.has(x.seq, x.stored):
		return x.expires, nil
	case p.Sequence == x.seq && p.Claim == 0:
		x.recall(p)
		return x.expires.Add(recordTime), nil
	}
	if p.Sequence == x.seq {
		x.recall(p)
	}
	x.doubt()
	return x.expires.Add(w.leases.ackWait + lookPeriod), nil
}

// delivered says which messages somebody may have had.
type delivered struct {
	upTo   uint64    // sequence of the newest message that a worker has got
	before time.Time // what was stored earlier may have been delivered, and nobody knows any more
}

func (d delivered) has(seq uint64, stored time.Time) bool {
	return seq <= d.upTo || stored.Before(d.before)
}

// deliveredSoFar asks the server what has been delivered.
func (in *intake) deliveredSoFar(ctx context.Context) (delivered, error) {
	info, err := in.info(ctx)
	if err != nil {
		return delivered{}, err
	}
	return delivered{upTo: info.Delivered.Stream, before: in.leases.hadBefore(info)}, nil
}
