package streams

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoJetStream says that the server or the account has no JetStream.
var ErrNoJetStream = errors.New("JetStream is not available: start nats-server with -js, or enable it for this account")

// Answers of NATS that have a remedy here.
const (
	errCodeMaxAckPending    jetstream.ErrorCode = 10121
	errCodeMaxBytesRequired jetstream.ErrorCode = 10113
	errCodeNoStorage        jetstream.ErrorCode = 10047
)

// Change is one thing that Setup did.
type Change struct {
	Object string // for example stream FORCELOGOUT_RESULTS
	Action string // created or updated
}

// Setup makes every stream and bucket of the plan that is missing. An existing
// one is left as it is, except that the retention of results and the limits of bytes
// follow the plan where it has any. The error is a *SettingError where an existing one would break a
// guarantee; then later ones are not touched.
func Setup(ctx context.Context, js jetstream.JetStream, p Plan) ([]Change, error) {
	var changes []Change
	if err := checkPayload(js.Conn()); err != nil {
		return nil, err
	}
	for _, want := range []jetstream.StreamConfig{p.commands(), p.results(), p.dead(), p.parked()} {
		action, err := p.ensureStream(ctx, js, want)
		if err != nil {
			return changes, err
		}
		if action != "" {
			changes = append(changes, Change{Object: "stream " + want.Name, Action: action})
		}
	}
	created, err := p.ensureBucket(ctx, js, p.sessions())
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
	if err := checkPayload(js.Conn()); err != nil {
		return err
	}
	for _, want := range []jetstream.StreamConfig{p.commands(), p.results(), p.dead(), p.parked()} {
		stream, err := js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("stream %s does not exist: run forcelogout setup", want.Name)
		}
		if err != nil {
			return readable("reading stream "+want.Name, err)
		}
		if err := checkStream(stream.CachedInfo().Config, want, p.maxAge()); err != nil {
			return err
		}
	}
	return p.checkBucket(ctx, js, p.sessions().Bucket)
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
	if p.Replicas > 0 && have.Replicas != p.Replicas {
		return "", replicasDiffer("stream "+want.Name, have.Replicas, p.Replicas, want.Name)
	}
	if want.Retention == jetstream.WorkQueuePolicy && p.MaxBytes.Commands > 0 && have.AllowMsgSchedules {
		return "", &SettingError{
			Object: "stream " + want.Name, Setting: "allow_msg_schedules", Have: "true", Want: "false for --max-bytes commands",
			Remedy: "NATS would discard commands of a full stream with schedules, and cannot take schedules from a stream: delete it when it is empty, and run setup again",
		}
	}
	wish := p.changed(have, want)
	if err := checkStream(wish, want, p.maxAge()); err != nil {
		return "", err
	}
	if wish.MaxAge == have.MaxAge && wish.MaxBytes == have.MaxBytes && wish.Discard == have.Discard {
		return "", nil
	}
	if _, err := js.UpdateStream(ctx, wish); err != nil {
		return "", readable("updating stream "+want.Name, err)
	}
	return "updated", nil
}

// changed is an existing stream as it shall be: what the plan wishes explicitly.
func (p Plan) changed(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	if want.DiscardNewPerSubject && p.ResultsMaxAge != 0 {
		have.MaxAge = want.MaxAge
	}
	if want.MaxBytes > 0 {
		have.MaxBytes = want.MaxBytes
		if !have.AllowMsgSchedules {
			have.Discard = want.Discard
		}
	}
	return have
}

func replicasDiffer(object string, have, want int, stream string) error {
	return &SettingError{
		Object: object, Setting: "num_replicas", Have: strconv.Itoa(have), Want: strconv.Itoa(want),
		Remedy: fmt.Sprintf("run nats stream edit %s --replicas %d", stream, want),
	}
}

func (p Plan) ensureBucket(ctx context.Context, js jetstream.JetStream, want jetstream.KeyValueConfig) (created bool, err error) {
	_, err = js.KeyValue(ctx, want.Bucket)
	if err == nil {
		return false, p.checkBucket(ctx, js, want.Bucket)
	}
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return false, readable("reading bucket "+want.Bucket, err)
	}
	if _, err := js.CreateKeyValue(ctx, want); err != nil {
		return false, readable("creating bucket "+want.Bucket, err)
	}
	return true, nil
}

func (p Plan) checkBucket(ctx context.Context, js jetstream.JetStream, bucket string) error {
	name := "KV_" + bucket
	stream, err := js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("bucket %s does not exist: run forcelogout setup", bucket)
	}
	if err != nil {
		return readable("reading bucket "+bucket, err)
	}
	if err := checkBucket(bucket, stream.CachedInfo().Config); err != nil {
		return err
	}
	if have := stream.CachedInfo().Config.Replicas; p.Replicas > 0 && have != p.Replicas {
		return replicasDiffer("bucket "+bucket, have, p.Replicas, name)
	}
	return nil
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
		// The server and the stream fill in what is not asked for.
		if err := checkConsumer(consumer.CachedInfo().Config, want); err != nil {
			return nil, err
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
	var refused *jetstream.APIError
	if errors.As(err, &refused) {
		switch refused.ErrorCode {
		case errCodeMaxBytesRequired:
			return fmt.Errorf("%s: %w: say how large it may become, with setup --max-bytes", doing, err)
		case errCodeMaxAckPending:
			return fmt.Errorf("%s: %w: raise max_ack_pending of the account or the server to %d", doing, err, MaxAckPending)
		case errCodeNoStorage:
			return fmt.Errorf("%s: %w: max_bytes of all streams must fit into the account's storage", doing, err)
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
