package streams_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// TestStoredUnder: the stream tells what it has taken under an id, also after that is
// gone, and takes nothing for the question. How servers order their checks is their own
// business, so both ways are tried.
func TestStoredUnder(t *testing.T) {
	t.Parallel()
	for name, replicas := range map[string]int{"one server": 1, "three replicas": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c := newCluster(ctx, t)
			js := c.connect(1)
			_, err := streams.Setup(ctx, js, streams.Plan{Prefix: messages.DefaultPrefix, Replicas: replicas})
			c.must(err)
			stream, err := js.Stream(ctx, streams.NamesOf(messages.DefaultPrefix).Commands)
			c.must(err)
			subject := messages.DefaultPrefix.Commands("default")
			stored := func(id string) uint64 {
				t.Helper()
				seq, err := streams.StoredUnder(ctx, js, stream.CachedInfo().Config, subject, id)
				c.must(err)
				return seq
			}
			if seq := stored("default.a"); seq != 0 {
				t.Errorf("found %d before anything was stored", seq)
			}
			ack, err := js.PublishMsg(ctx, &nats.Msg{Subject: subject, Header: nats.Header{jetstream.MsgIDHeader: {"default.a"}}})
			c.must(err)
			if ack.Duplicate {
				t.Error("the question counts as the first message")
			}
			if seq := stored("default.a"); seq != ack.Sequence {
				t.Errorf("found %d, stored %d", seq, ack.Sequence)
			}
			c.must(stream.DeleteMsg(ctx, ack.Sequence))
			if seq := stored("default.a"); seq != ack.Sequence {
				t.Errorf("found %d after it was deleted, stored %d", seq, ack.Sequence)
			}
			info, err := stream.Info(ctx)
			c.must(err)
			if info.State.LastSeq != ack.Sequence {
				t.Errorf("the last sequence is %d, want %d", info.State.LastSeq, ack.Sequence)
			}
		})
	}
}
