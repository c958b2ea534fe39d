package streams

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoJetStream says that the server or the account has no JetStream.
var ErrNoJetStream = errors.New("JetStream is not available: start nats-server with -js, or enable it for this account")

// Change is one thing that Setup did.
type Change struct {
	Object string // for example stream FORCELOGOUT_RESULTS
	Action string // created or updated
}

// Setup makes every stream and bucket of the plan that is missing. An existing
// one is left as it is, except that results retention follows ResultsMaxAge if
// that is set. The error is a *SettingError where an existing one would break a
// guarantee; then later ones are not touched.
func Setup(ctx context.Context, js jetstream.JetStream, p Plan) ([]Change, error) {
	var changes []Change
	for _, want := range []jetstream.StreamConfig{p.commands(), p.results(), p.dead(), p.parked()} {
		action, err := p.ensureStream(ctx, js, want)
		if err != nil {
			return changes, err
		}
		if action != "" {
			changes = append(changes, Change{Object: "stream " + want.Name, Action: action})
		}
	}
	created, err := ensureBucket(ctx, js, p.sessions())
	if err != nil {
		return changes, err
	}
	if created {
		changes = append(changes, Change{Object: "bucket " + p.sessions().Bucket, Action: "created"})
	}
	return changes, nil
}

// Check reads every stream of the plan and reports the first that is missing or
// would break a guarantee. It changes nothing.
func Check(ctx context.Context, js jetstream.JetStream, p Plan) error {
	for _, want := range []jetstream.StreamConfig{p.commands(), p.results(), p.dead(), p.parked()} {
		stream, err := js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("stream %s does not exist: run forcelogout setup", want.Name)
		}
		if err != nil {
			return readable("reading stream "+want.Name, err)
		}
		if err := checkStream(stream.CachedInfo().Config, want); err != nil {
			return err
		}
	}
	return nil
}

func (p Plan) ensureStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (string, error) {
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = js.CreateStream(ctx, want)
		if err != nil {
			return "", readable("creating stream "+want.Name, err)
		}
		if want.AllowMsgSchedules && !stream.CachedInfo().Config.AllowMsgSchedules {
			return "", fmt.Errorf("stream %s: this NATS server knows no message schedules: use nats-server 2.12 or newer", want.Name)
		}
		return "created", nil
	}
	if err != nil {
		return "", readable("reading stream "+want.Name, err)
	}
	have := stream.CachedInfo().Config
	if err := checkStream(have, want); err != nil {
		return "", err
	}
	if !want.DiscardNewPerSubject || p.ResultsMaxAge == 0 || have.MaxAge == want.MaxAge {
		return "", nil
	}
	have.MaxAge = want.MaxAge
	if _, err := js.UpdateStream(ctx, have); err != nil {
		return "", readable("updating stream "+want.Name, err)
	}
	return "updated", nil
}

func ensureBucket(ctx context.Context, js jetstream.JetStream, want jetstream.KeyValueConfig) (created bool, err error) {
	_, err = js.KeyValue(ctx, want.Bucket)
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return false, readable("reading bucket "+want.Bucket, err)
	}
	if _, err := js.CreateKeyValue(ctx, want); err != nil {
		return false, readable("creating bucket "+want.Bucket, err)
	}
	return true, nil
}

// Bind returns the durable consumer that all workers of a VCC share, and makes
// it if it is missing. A smaller MaxAckPending than the plan's is raised.
// A paused consumer stays paused: that is an operator's brake.
func Bind(ctx context.Context, js jetstream.JetStream, p Plan, vcc string) (jetstream.Consumer, error) {
	want, stream := p.consumer(vcc), NamesOf(p.Prefix).Commands
	consumer, err := js.Consumer(ctx, stream, want.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		if consumer, err = js.CreateConsumer(ctx, stream, want); err != nil {
			return nil, readable("creating consumer "+want.Durable, err)
		}
		return consumer, nil
	}
	if err != nil {
		return nil, readable("reading consumer "+want.Durable, err)
	}
	have := consumer.CachedInfo().Config
	if err := checkConsumer(have, want); err != nil {
		return nil, err
	}
	if have.MaxAckPending >= want.MaxAckPending {
		return consumer, nil
	}
	have.MaxAckPending = want.MaxAckPending
	if consumer, err = js.UpdateConsumer(ctx, stream, have); err != nil {
		return nil, readable("updating consumer "+want.Durable, err)
	}
	return consumer, nil
}

func readable(doing string, err error) error {
	if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) || errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("%s: %w", doing, ErrNoJetStream)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
