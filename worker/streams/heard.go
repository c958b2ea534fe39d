package streams

import (
	"context"
	"errors"
	"iter"

	"github.com/nats-io/nats.go"
)

// Heard yields what comes on a subscription until the context or the connection ends. It
// goes on where messages came too fast and some are lost, and where somebody publishes an
// empty message with a header Status: nats.go takes that for the server's answer to a
// request, and gives it to nobody.
func Heard(ctx context.Context, sub *nats.Subscription) iter.Seq[*nats.Msg] {
	return func(yield func(*nats.Msg) bool) {
		for {
			m, err := sub.NextMsgWithContext(ctx)
			switch {
			case errors.Is(err, nats.ErrSlowConsumer), errors.Is(err, nats.ErrNoResponders):
				continue
			case err != nil || !yield(m):
				return
			}
		}
	}
}
