package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// A worker that starts cannot see whether there was another consumer before: whether
// others are at what that one has delivered. So workers leave a mark of the consumer that
// they use, among the notes, where no command's note can be.

// markID is no command's id: those have no @.
const markID = "@consumer"

// consumerMark is the consumer that workers of a VCC have used last.
type consumerMark struct {
	Created time.Time `json:"created"`
	Remade  bool      `json:"remade"` // there was another one before
}

// marks is where the mark of a VCC's consumer is kept.
type marks struct {
	js     jetstream.JetStream
	prefix messages.Prefix
	vcc    string
}

// RestAfterOthers lets a worker that starts respect what others have of a consumer that
// is not there any more, and marks the one that is.
func (in *Intake) RestAfterOthers(ctx context.Context, js jetstream.JetStream, prefix messages.Prefix, vcc string) error {
	consumer := in.bound().CachedInfo()
	m := marks{js, prefix, vcc}
	last, err := m.last(ctx)
	if err != nil {
		return err
	}
	now := consumerMark{consumer.Created, last.Remade || !last.Created.IsZero() && !last.Created.Equal(consumer.Created)}
	if now.Remade {
		in.leases.restart(consumer)
	}
	if now.Remade == last.Remade && now.Created.Equal(last.Created) {
		return nil
	}
	return m.write(ctx, now)
}

// last is the mark, zero where no worker was here before. It goes away with the
// notes after some days; then a result shows that one was.
func (k marks) last(ctx context.Context) (consumerMark, error) {
	names := streams.NamesOf(k.prefix)
	var m consumerMark
	note, err := streams.LeaderLast(ctx, k.js, names.Parked, k.prefix.Parked(k.vcc, markID))
	if err == nil {
		if err = json.Unmarshal(note.Data, &m); err != nil {
			return m, fmt.Errorf("reading the mark of the consumer of %s: %w", k.vcc, err)
		}
		return m, nil
	}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return m, err
	}
	_, err = streams.LeaderLast(ctx, k.js, names.Results, k.prefix.Result(k.vcc, messages.AnyToken, messages.AnyToken))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return m, nil
	}
	m.Remade = err == nil
	return m, err
}

func (k marks) write(ctx context.Context, m consumerMark) error {
	data, err := json.Marshal(m)
	if err == nil {
		_, err = k.js.PublishMsg(ctx, &nats.Msg{Subject: k.prefix.Parked(k.vcc, markID), Data: data})
	}
	if err != nil {
		return fmt.Errorf("marking the consumer of %s: %w", k.vcc, err)
	}
	return nil
}
