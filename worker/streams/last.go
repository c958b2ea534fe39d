package streams

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Last returns the data and sequence of a subject's last message as the stream's
// leader knows it, or jetstream.ErrMsgNotFound. A direct get, which is faster, may be
// answered by a replica that does not have the newest messages yet.
func Last(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream, subject string) ([]byte, uint64, error) {
	cfg := stream.CachedInfo().Config
	if cfg.Replicas <= 1 {
		msg, err := stream.GetLastMsgForSubject(ctx, subject)
		if err != nil {
			return nil, 0, err
		}
		return msg.Data, msg.Sequence, nil
	}
	request, err := json.Marshal(map[string]string{"last_by_subj": subject})
	if err != nil {
		return nil, 0, err
	}
	m, err := js.Conn().RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.MSG.GET."+cfg.Name, request)
	if err != nil {
		return nil, 0, err
	}
	var answer struct {
		Error   *jetstream.APIError
		Message *struct {
			Sequence uint64 `json:"seq"`
			Data     []byte
		}
	}
	err = json.Unmarshal(m.Data, &answer)
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("reading the answer of NATS: %w", err)
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, 0, jetstream.ErrMsgNotFound
	case answer.Error != nil:
		return nil, 0, answer.Error
	case answer.Message == nil:
		return nil, 0, jetstream.ErrMsgNotFound
	}
	return answer.Message.Data, answer.Message.Sequence, nil
}
