package streams

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// errCodeWrongLastMsgID is the server's answer to an expected last message id that is
// not the last one.
const errCodeWrongLastMsgID jetstream.ErrorCode = 10070

// StoredUnder returns the sequence of the message that a stream has taken under a
// Nats-Msg-Id within its duplicate window, 0 for none. The message may be gone by now.
// Nothing is stored: the stream is asked to take a message that it must refuse, and looks
// for a repeat before it refuses. One of several replicas looks at the expected sequence
// right after that; a single server looks at the sequence first, but not at the last
// message id.
func StoredUnder(ctx context.Context, js jetstream.JetStream, stream jetstream.StreamConfig, subject, msgID string) (uint64, error) {
	refuse, code := jetstream.WithExpectLastMsgID("never"), errCodeWrongLastMsgID
	if stream.Replicas > 1 {
		refuse, code = jetstream.WithExpectLastSequence(math.MaxInt64), jetstream.JSErrCodeStreamWrongLastSequence
	}
	probe := &nats.Msg{Subject: subject, Header: nats.Header{jetstream.MsgIDHeader: {msgID}}}
	ack, err := js.PublishMsg(ctx, probe, refuse)
	var refused *jetstream.APIError
	switch {
	case err == nil && ack.Duplicate:
		return ack.Sequence, nil
	case errors.As(err, &refused) && refused.ErrorCode == code:
		return 0, nil
	case err == nil:
		err = errors.New("the stream took a message that it had to refuse")
	}
	return 0, fmt.Errorf("looking for a message %s in %s: %w", msgID, stream.Name, err)
}
