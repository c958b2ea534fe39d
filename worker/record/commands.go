package record

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// Commands is the command stream, past its consumer.
type Commands struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	prefix messages.Prefix
	vcc    string
}

// NewCommands returns the commands of a VCC that a stream has.
func NewCommands(js jetstream.JetStream, stream jetstream.Stream, prefix messages.Prefix, vcc string) *Commands {
	return &Commands{js: js, stream: stream, prefix: prefix, vcc: vcc}
}

// Window is how long the stream finds repeats.
func (c *Commands) Window() time.Duration { return c.stream.CachedInfo().Config.Duplicates }

// At returns the message with a sequence, nil where it is not there any more or is not
// one for this VCC.
func (c *Commands) At(ctx context.Context, seq uint64) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, StoreTimeout)
	defer cancel()
	msg, err := streams.LeaderMsg(ctx, c.js, c.stream.CachedInfo().Config.Name, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && msg.Subject != c.prefix.Commands(c.vcc) {
		return nil, nil
	}
	return msg, err
}

// IsAt reports whether a message of the stream is the same command as a job. After the
// stream was made anew a sequence may be another command's.
func (c *Commands) IsAt(ctx context.Context, seq uint64, j *job.Job) (bool, error) {
	msg, err := c.At(ctx, seq)
	if err != nil || msg == nil {
		return false, err
	}
	cmd, err := messages.DecodeCommand(msg.Data)
	return err == nil && cmd.ID == j.Command.ID && cmd.WorkNo == j.Command.WorkNo, nil
}

// StoredUnder returns the sequence of the message that the stream has, or had, under the
// job's own Nats-Msg-Id; 0 for none.
func (c *Commands) StoredUnder(ctx context.Context, j *job.Job) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, StoreTimeout)
	defer cancel()
	return streams.StoredUnder(ctx, c.js, c.stream.CachedInfo().Config, c.prefix.Commands(c.vcc), messages.MessageID(c.vcc, j.Command.ID))
}

// Remove takes a command out of the stream without having it in hand.
func (c *Commands) Remove(ctx context.Context, seq uint64) error {
	_, err := streams.Remove(ctx, c.stream, seq)
	return err
}

// SourceOf says what came with a command.
func SourceOf(header nats.Header, stored time.Time) job.Source {
	return job.Source{Stored: stored, FirstStored: header.Get(job.HeaderFirstStored), MessageID: header.Get(jetstream.MsgIDHeader)}
}
