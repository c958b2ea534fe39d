package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/forcelogout/forcelogout/worker/streams"
)

const (
	// lookPeriod is how often the stream is looked at while nothing is pulled.
	lookPeriod = time.Second
	// lookBatch is how many commands are read at a time.
	lookBatch = 500
	// recordTime is how long after its end a worker may need to record it.
	recordTime = 2 * time.Second
)

// backlog is what is known of the commands that wait in the stream while this
// worker pulls none. It holds no command, so it costs the same for a million.
type backlog struct {
	seen uint64    // read up to this sequence
	next time.Time // when the first of those read has to end; zero for none
}

// expireUnpulled ends, on time, commands that expire while no session can be had or
// the gateway is down, and so nothing is pulled. It reads them out of the stream,
// past the consumer. Several workers may do so at once: the ledger takes one result.
func (w *Worker) expireUnpulled(ctx context.Context) {
	ticker := time.NewTicker(lookPeriod)
	defer ticker.Stop()
	var b backlog
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !w.room.isRestricted() {
			b = backlog{}
			continue
		}
		if !b.next.IsZero() && !time.Now().Before(b.next) {
			b = backlog{}
		}
		if err := w.lookAtBacklog(ctx, &b); err != nil && ctx.Err() == nil {
			w.log.LogAttrs(ctx, slog.LevelWarn, "cannot look for expired commands", slog.Any("error", err))
			b = backlog{}
		}
	}
}

// lookAtBacklog reads what it has not seen yet and ends what has expired.
func (w *Worker) lookAtBacklog(ctx context.Context, b *backlog) error {
	for ctx.Err() == nil && w.room.isRestricted() {
		late, read, err := w.readBacklog(ctx, b)
		if err != nil {
			return err
		}
		if err := w.endLate(ctx, b, late); err != nil {
			return err
		}
		if read < lookBatch {
			break
		}
	}
	return nil
}

// readBacklog reads the next batch and returns the expired commands in it.
func (w *Worker) readBacklog(ctx context.Context, b *backlog) (late []waitingCommand, read int, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	batch, err := jetstreamext.GetBatch(ctx, w.js, streams.NamesOf(w.cfg.Prefix).Commands, lookBatch,
		jetstreamext.GetBatchSubject(w.cfg.Prefix.Commands(w.cfg.VCC)), jetstreamext.GetBatchSeq(b.seen+1))
	if err != nil {
		return nil, 0, fmt.Errorf("reading the command stream: %w", err)
	}
	now := time.Now()
	for msg, err := range batch {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			break
		}
		if err != nil {
			return nil, read, fmt.Errorf("reading the command stream: %w", err)
		}
		read++
		b.seen = msg.Sequence
		cmd, err := w.decode(msg.Data)
		if err != nil {
			continue // whoever pulls it writes the dead letter
		}
		x := w.newExecution(cmd, msg.Header, msg.Time)
		if now.Before(x.expires) {
			b.endBy(x.expires)
			continue
		}
		late = append(late, waitingCommand{x, msg.Sequence, msg.Time})
	}
	return late, read, nil
}

// waitingCommand is a command in the stream.
type waitingCommand struct {
	*execution
	seq    uint64
	stored time.Time
}

func (b *backlog) endBy(t time.Time) {
	if b.next.IsZero() || t.Before(b.next) {
		b.next = t
	}
}

// endLate ends expired commands: at once what nobody has had, soon what was handed
// back in good order, and the rest when a worker that had it must be done or gone.
func (w *Worker) endLate(ctx context.Context, b *backlog, late []waitingCommand) error {
	if len(late) == 0 {
		return nil
	}
	had, err := w.intake.deliveredSoFar(ctx)
	if err != nil {
		return err
	}
	for _, x := range late {
		if had.has(x.seq, x.stored) {
			gone := x.expires.Add(w.recallDelivered(ctx, x))
			if time.Now().Before(gone) {
				b.endBy(gone)
				continue
			}
		}
		w.end(ctx, x.execution, *x.expired(), func() error { return w.remove(ctx, x.seq) })
	}
	return nil
}

// recallDelivered finds out how far a command got that somebody has had, and how
// long after its expiry nobody can be at it any more.
func (w *Worker) recallDelivered(ctx context.Context, x waitingCommand) time.Duration {
	p, _, err := w.parking.recall(ctx, x.cmd.ID)
	if err == nil && p.Sequence == x.seq && p.Claim == 0 {
		x.recall(p)
		return recordTime
	}
	x.redelivered = true
	return w.leases.ackWait + lookPeriod
}

// delivered says which messages somebody may have had.
type delivered struct {
	upTo   uint64    // sequence of the newest message that a worker has got
	before time.Time // what was stored earlier may have been delivered by a consumer that is not there any more
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
	d := delivered{upTo: info.Delivered.Stream}
	if in.leases.isRemade(info) {
		d.before = info.Created
	}
	return d, nil
}
