package intake

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// nats.go tells what the server says itself (no messages, time-out, consumer deleted) from
// a message by an empty body and a header Status. A message on a command subject may have
// both: whoever publishes it writes the headers. Then nats.go ends the pull and gives the
// message to nobody, with all that the server sent after it. It would come first again
// after each AckWait, and nothing behind it would ever be executed.

// swallowedPeriod is how often such messages are suspected where commands are redelivered
// and no pull has ended early: one that looks like a heartbeat ends none.
const swallowedPeriod = 5 * time.Minute

// IsSwallowed reports whether nats.go would give a message of the stream to nobody.
func IsSwallowed(msg jetstream.RawStreamMsg) bool {
	return len(msg.Data) == 0 && msg.Header.Get("Status") != ""
}

// Swallowed has something when a message may have been delivered and given to nobody.
func (in *Intake) Swallowed() <-chan struct{} { return in.swallowed }

// suspect says that a message may have been swallowed.
func (in *Intake) suspect() {
	select {
	case in.swallowed <- struct{}{}:
	default:
	}
}

// endedEarly looks at a pull that has ended: the server lets it last until it is full or
// expires.
func (in *Intake) endedEarly(open context.Context, left int, lasted, expiry time.Duration) {
	if left > 0 && open.Err() == nil && lasted < expiry*3/4 && in.nc.Status() == nats.CONNECTED {
		in.suspect()
	}
}

// suspectRedelivered suspects one now and then, see swallowedPeriod. It is watch's own.
func (in *Intake) suspectRedelivered(redelivered int, now time.Time) {
	if redelivered > 0 && now.Sub(in.suspected) >= swallowedPeriod {
		in.suspected = now
		in.suspect()
	}
}

// Unacked returns the sequences between which all messages are that the server has
// delivered and nobody has ended.
func (in *Intake) Unacked(ctx context.Context) (from, to uint64, err error) {
	info, err := in.info(ctx)
	if err != nil {
		return 0, 0, err
	}
	return info.AckFloor.Stream + 1, info.Delivered.Stream, nil
}
