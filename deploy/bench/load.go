package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// command is the i-th command, for the worker or in a peer's stream. Ids differ
// between subjects: the stream's duplicate window spans all of them.
func command(subject string, i int) *nats.Msg {
	vcc := strings.TrimPrefix(subject, "forcelogout.commands.")
	c := messages.Command{ID: vcc + "-" + strconv.Itoa(i), WorkNo: agentNo(i), IssuedAt: time.Now()}
	data, err := c.Encode()
	if err != nil {
		panic(err) // all of them are alike
	}
	return &nats.Msg{Subject: subject, Data: data, Header: nats.Header{jetstream.MsgIDHeader: {messages.MessageID(vcc, c.ID)}}}
}

// workerCommands is the subject of the commands of the default VCC.
var workerCommands = messages.DefaultPrefix.Commands(messages.DefaultVCC)

// fill publishes n commands as fast as the server takes them.
func (s *site) fill(ctx context.Context, subject string, n int) error {
	js, err := jetstream.New(s.nc, jetstream.WithPublishAsyncMaxPending(1024))
	if err != nil {
		return err
	}
	for i := range n {
		if _, err := js.PublishMsgAsync(command(subject, i), jetstream.WithStallWait(time.Minute)); err != nil {
			return fmt.Errorf("publishing command %d: %w", i, err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stream publishes n commands at a steady pace.
func (s *site) stream(ctx context.Context, subject string, n int, perSecond float64) error {
	begin := time.Now()
	for i := range n {
		due := begin.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		if d := time.Until(due); d > 0 {
			if err := pause(ctx, d); err != nil {
				return err
			}
		}
		if _, err := s.js.PublishMsgAsync(command(subject, i)); err != nil {
			return fmt.Errorf("publishing command %d: %w", i, err)
		}
	}
	return nil
}

// await waits until a stream has n messages, and returns its state.
func (s *site) await(ctx context.Context, name string, n int) (jetstream.StreamState, error) {
	stream, err := s.js.Stream(ctx, name)
	if err != nil {
		return jetstream.StreamState{}, err
	}
	changed, have := time.Now(), uint64(0)
	for {
		info, err := stream.Info(ctx)
		if err != nil {
			return jetstream.StreamState{}, err
		}
		if info.State.Msgs >= uint64(n) {
			return info.State, nil
		}
		if info.State.Msgs != have {
			changed, have = time.Now(), info.State.Msgs
		}
		if time.Since(changed) > time.Minute {
			return info.State, fmt.Errorf("stuck at %d of %d messages in %s: %s", have, n, name, s.lastWords())
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return info.State, err
		}
	}
}

// lastWords are the ends of the logs.
func (s *site) lastWords() string {
	var text string
	for _, p := range s.staff {
		_ = p.stop()
		log := p.log.String()
		text += "\n" + p.name + ": " + log[max(0, len(log)-2000):]
	}
	return text
}

// rate is how many results a second came between the first and the last of n. The
// first ones come at once, one for each slot.
func rate(state jetstream.StreamState, n int) float64 {
	return float64(n-min(n/2, slots)) / state.LastTime.Sub(state.FirstTime).Seconds()
}

// stored is a result and when the stream took it.
type stored struct {
	messages.Result
	at time.Time
}

// read waits until a stream has n results, and returns them.
func (s *site) read(ctx context.Context, stream string, n int) ([]stored, error) {
	if _, err := s.await(ctx, stream, n); err != nil {
		return nil, err
	}
	consumer, err := s.js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, err
	}
	all := make([]stored, 0, n)
	for len(all) < n {
		batch, err := consumer.Fetch(min(1000, n-len(all)), jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			return nil, err
		}
		before := len(all)
		for msg := range batch.Messages() {
			meta, err := msg.Metadata()
			if err != nil {
				return nil, err
			}
			r := stored{at: meta.Timestamp}
			if err := json.Unmarshal(msg.Data(), &r.Result); err != nil {
				return nil, err
			}
			all = append(all, r)
		}
		if len(all) == before {
			return nil, errors.New("results are missing")
		}
	}
	return all, nil
}
