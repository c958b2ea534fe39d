package worker

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

// restAfterOthers lets a worker that starts respect what others have of a consumer that
// is not there any more, and marks the one that is.
func (w *Worker) restAfterOthers(ctx context.Context, consumer *jetstream.ConsumerInfo) error {
	last, err := w.lastConsumer(ctx)
	if err != nil {
		return err
	}
	now := consumerMark{consumer.Created, last.Remade || !last.Created.IsZero() && !last.Created.Equal(consumer.Created)}
	if now.Remade {
		w.leases.restart(consumer)
	}
	if now.Remade == last.Remade && now.Created.Equal(last.Created) {
		return nil
	}
	return w.markConsumer(ctx, now)
}

// lastConsumer is the mark, zero where no worker was here before. It goes away with the
// notes after some days; then a result shows that one was.
func (w *Worker) lastConsumer(ctx context.Context) (consumerMark, error) {
	names := streams.NamesOf(w.cfg.Prefix)
	var m consumerMark
	note, err := streams.LeaderLast(ctx, w.js, names.Parked, w.cfg.Prefix.Parked(w.cfg.VCC, markID))
	if err == nil {
		if err = json.Unmarshal(note.Data, &m); err != nil {
			return m, fmt.Errorf("reading the mark of the consumer of %s: %w", w.cfg.VCC, err)
		}
		return m, nil
	}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return m, err
	}
	_, err = streams.LeaderLast(ctx, w.js, names.Results, w.cfg.Prefix.Result(w.cfg.VCC, messages.AnyToken, messages.AnyToken))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return m, nil
	}
	m.Remade = err == nil
	return m, err
}

func (w *Worker) markConsumer(ctx context.Context, m consumerMark) error {
	data, err := json.Marshal(m)
	if err == nil {
		_, err = w.js.PublishMsg(ctx, &nats.Msg{Subject: w.cfg.Prefix.Parked(w.cfg.VCC, markID), Data: data})
	}
	if err != nil {
		return fmt.Errorf("marking the consumer of %s: %w", w.cfg.VCC, err)
	}
	return nil
}
