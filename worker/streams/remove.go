package streams

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// Remove deletes one message and reports whether it was there. The server's answer
// to a deletion that did not work does not tell whether there was nothing to do.
func Remove(ctx context.Context, stream jetstream.Stream, seq uint64) (there bool, err error) {
	err = stream.DeleteMsg(ctx, seq)
	if err == nil {
		return true, nil
	}
	if _, getErr := stream.GetMsg(ctx, seq); errors.Is(getErr, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	return false, err
}
