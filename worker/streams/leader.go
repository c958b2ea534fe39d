package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// LeaderLast returns a subject's last message as the stream's leader knows it, or
// jetstream.ErrMsgNotFound. A direct get, which is faster, may be answered by a
// replica that does not have the newest messages yet, or by a mirror that keeps fewer.
func LeaderLast(ctx context.Context, js jetstream.JetStream, stream, subject string) (Message, error) {
	msg, err := askLeader(ctx, js, stream, map[string]any{"last_by_subj": subject})
	if err != nil {
		return Message{}, fmt.Errorf("reading the last message on %s: %w", subject, err)
	}
	return Message{msg.Data, msg.Sequence}, nil
}

// LeaderMsg returns a message as the stream's leader knows it, or
// jetstream.ErrMsgNotFound.
func LeaderMsg(ctx context.Context, js jetstream.JetStream, stream string, seq uint64) (*jetstream.RawStreamMsg, error) {
	msg, err := askLeader(ctx, js, stream, map[string]any{"seq": seq})
	if err != nil {
		return nil, fmt.Errorf("reading message %d of %s: %w", seq, stream, err)
	}
	return msg, nil
}

// askLeader gets a message by the JetStream API, which only the leader answers.
func askLeader(ctx context.Context, js jetstream.JetStream, stream string, which map[string]any) (*jetstream.RawStreamMsg, error) {
	request, err := json.Marshal(which)
	if err != nil {
		return nil, err
	}
	m, err := js.Conn().RequestWithContext(ctx, APISubject(js, "STREAM.MSG.GET."+stream), request)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error   *jetstream.APIError
		Message *struct {
			Subject  string
			Sequence uint64 `json:"seq"`
			Header   []byte `json:"hdrs"`
			Data     []byte
			Time     time.Time
		}
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return nil, fmt.Errorf("reading the answer of NATS: %w", err)
	}
	switch found := answer.Message; {
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, jetstream.ErrMsgNotFound
	case answer.Error != nil:
		return nil, answer.Error
	case found == nil:
		return nil, errors.New("NATS answers without a message")
	default:
		msg := &jetstream.RawStreamMsg{Subject: found.Subject, Sequence: found.Sequence, Data: found.Data, Time: found.Time}
		if len(found.Header) > 0 {
			// What cannot be read was never written by forcelogout.
			msg.Header, _ = nats.DecodeHeadersMsg(found.Header)
		}
		return msg, nil
	}
}
