package streams

import (
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// Overtaken reports whether a guarded write failed because somebody else has
// written first. Replicated streams answer with a code of their own.
func Overtaken(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) &&
		(refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
