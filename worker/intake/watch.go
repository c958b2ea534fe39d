package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

const (
	// stalledPeriod is how often the consumer is looked at while nothing is delivered.
	stalledPeriod = 2 * time.Second
	// crowdedTime is how long a command may wait for room before it is said.
	crowdedTime = 5 * time.Second
	// calmLooks is how many periods pass between two looks at a consumer that has
	// nothing to deliver.
	calmLooks = 3
)

// Watch looks at the consumer from time to time: where messages wait, this
// worker has capacity and none is delivered, it says so and lets it be bound again.
func (in *Intake) Watch(ctx context.Context) {
	timer := time.NewTimer(in.period)
	defer timer.Stop()
	last := in.delivered.Load()
	in.look(ctx, true) // for the metrics; nothing can be stalled yet
	for n := 0; ; n++ {
		if in.Progressing() == nil {
			timer.Reset(in.period)
		} else {
			timer.Reset(min(in.period, stalledPeriod))
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now := in.delivered.Load()
		if now == last && in.pending.Load() == 0 && in.unacked.Load() == 0 && in.Progressing() == nil && n%calmLooks != 0 {
			continue
		}
		if !in.look(ctx, now != last) && ctx.Err() == nil {
			in.fail(errStalled)
		}
		last = now
	}
}

// look asks the server how delivery stands and reports whether it is well, or at
// least as an operator wants it.
func (in *Intake) look(ctx context.Context, moved bool) bool {
	info, err := in.info(ctx)
	if err != nil {
		// What is said already may be the reason.
		if ctx.Err() == nil && in.Progressing() == nil {
			in.stall(ctx, consumerUnusable, err.Error())
		}
		return false
	}
	in.pending.Store(info.NumPending)
	in.unacked.Store(int64(info.NumAckPending))
	in.suspectRedelivered(info.NumRedelivered, time.Now())
	in.maxUnacked.Store(int64(info.Config.MaxAckPending))
	waits := !moved && info.NumPending > 0
	crowded := in.isCrowded(waits)
	quiet := waits && in.capacity.pulling()
	switch before := in.quiet; {
	case info.Config.AckWait != in.leases.ackWait:
		in.stall(ctx, "the consumer's ack_wait was changed", fmt.Sprintf("from %v to %v: start the worker anew", in.leases.ackWait, info.Config.AckWait))
	case info.Paused:
		// An operator's brake: it is said, and not undone.
		in.stall(ctx, "the consumer is paused", fmt.Sprintf("for another %v: nats consumer resume", info.PauseRemaining.Round(time.Second)))
	case info.NumPending > 0 && info.NumAckPending >= info.Config.MaxAckPending:
		in.stall(ctx, errAckPending, fmt.Sprintf(
			"%d commands are in hand or were handed back to wait, %d others wait for them", info.NumAckPending, info.NumPending))
	case crowded:
		in.stall(ctx, "no room for the commands that wait", fmt.Sprintf(
			"for %v, while %d wait: %s", time.Since(in.crowded).Round(time.Second), info.NumPending, in.capacity))
	case quiet && before:
		in.stall(ctx, "commands wait on the server and none is delivered", fmt.Sprintf("%d of them", info.NumPending))
		return false
	default:
		// One quiet look proves nothing: a command may be on its way.
		in.quiet = quiet
		in.stall(ctx, "", "")
	}
	return true
}

// consumerUnusable is said both when the consumer does not answer and when its settings
// are wrong, so that the log has one line.
const consumerUnusable = "the consumer cannot be used"

// errAckPending: new commands wait, though others may come again.
const errAckPending = "max_ack_pending of the consumer is reached"

// isCrowded reports whether commands have waited for too long for room here.
func (in *Intake) isCrowded(waits bool) bool {
	switch {
	case !waits || in.capacity.pulling() || in.capacity.isShut():
		in.crowded = time.Time{}
		return false
	case in.crowded.IsZero():
		in.crowded = time.Now().Add(-in.period) // none has come since the last look
	}
	return time.Since(in.crowded) >= crowdedTime
}

// stall notes why nothing is delivered, "" for no reason, and says in the log what has
// changed.
func (in *Intake) stall(ctx context.Context, why, detail string) {
	in.mu.Lock()
	changed := why != in.said
	in.said, in.stalled = why, nil
	if why != "" {
		in.stalled = errors.New(why + ": " + detail)
	}
	in.mu.Unlock()
	switch {
	case changed && why == "":
		in.log.LogAttrs(ctx, slog.LevelInfo, "delivery progresses again")
	case changed:
		in.log.LogAttrs(ctx, slog.LevelError, "delivery does not progress", slog.String("error", why+": "+detail))
	}
}

// flows says that a command has come.
func (in *Intake) flows(ctx context.Context) {
	in.mu.Lock()
	clears := in.stalled != nil && in.said != errAckPending
	in.mu.Unlock()
	in.failing.Worked(ctx)
	if clears {
		in.stall(ctx, "", "")
	}
}

// errStalled: messages wait and none is delivered.
var errStalled = errors.New("delivery does not progress")

// Progressing is nil while commands come in, or none is there to come.
func (in *Intake) Progressing() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.stalled
}

// Waiting is how many commands wait on the server, and how many some worker has got and
// not acknowledged; both as last seen.
func (in *Intake) Waiting() (pending, unacked int) {
	return int(in.pending.Load()), int(in.unacked.Load())
}

// MaxUnacked is at how many unacknowledged commands new ones wait, as last seen.
func (in *Intake) MaxUnacked() int { return int(in.maxUnacked.Load()) }
