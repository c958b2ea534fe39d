package streams

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// IsPassing reports whether an error of JetStream is likely to be over soon: nobody has
// answered in time, or the servers elect a leader.
func IsPassing(err error) bool {
	var said *jetstream.APIError
	if !errors.As(err, &said) {
		return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)
	}
	switch said.ErrorCode {
	case 10008, // no leader of the cluster
		10009, // no suitable peer
		10074, // the stream is offline
		10118: // a server that is shutting down
		return true
	}
	return false
}
