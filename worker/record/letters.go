package record

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/health"
)

// maxReason is how much of the reason a dead letter carries, in bytes.
const maxReason = 1 << 10

// Letters writes dead letters: the bytes of what is no command, and why. All of it is
// required.
type Letters struct {
	NATS    *nats.Conn
	JS      jetstream.JetStream
	Stream  jetstream.Stream // of dead letters
	Prefix  messages.Prefix
	VCC     string
	Storing *health.Obstacle
	Log     *slog.Logger
	Metrics *admin.Metrics
}

// Invalid is a message on a command subject that is no command.
type Invalid struct {
	Sequence uint64 // in the command stream
	Subject  string
	Data     []byte
	Reason   error
}

// Write stores a dead letter, one also where the message is written about again, and tells
// of it. While letters cannot be stored it fails at once.
func (l *Letters) Write(ctx context.Context, m Invalid) error {
	letter := l.letter(m)
	var first bool
	err := l.Storing.Try(ctx, func(ctx context.Context) error {
		ack, err := l.JS.PublishMsg(ctx, letter)
		Measure(ctx, l.Stream, err)
		first = err == nil && !ack.Duplicate
		return err
	})
	if err != nil || !first {
		return err
	}
	id, workNo, _ := messages.Identify(m.Data)
	l.Metrics.Dead()
	l.Log.LogAttrs(ctx, slog.LevelWarn, "invalid command", slog.Uint64("seq", m.Sequence),
		slog.String("id", id), slog.String("work_no", workNo), slog.String("reason", m.Reason.Error()))
	return nil
}

func (l *Letters) letter(m Invalid) *nats.Msg {
	sequence := strconv.FormatUint(m.Sequence, 10)
	letter := &nats.Msg{
		Subject: l.Prefix.Dead(l.VCC),
		Data:    m.Data,
		Header: nats.Header{
			// One letter also where the message is delivered once more.
			jetstream.MsgIDHeader:   {l.Prefix.Stream("COMMANDS") + "-" + sequence},
			messages.HeaderError:    {Head(m.Reason.Error(), maxReason)},
			messages.HeaderSubject:  {m.Subject},
			messages.HeaderSequence: {sequence},
		},
	}
	l.shorten(letter)
	return letter
}

// shorten makes a letter fit: one that can never be stored would come again for ever.
func (l *Letters) shorten(letter *nats.Msg) {
	limit := SizeLimit(l.NATS, l.Stream)
	if letter.Size() <= limit {
		return
	}
	whole := len(letter.Data)
	letter.Header.Set(messages.HeaderTruncated, strconv.Itoa(whole))
	if over := letter.Size() - whole - limit; over > 0 {
		reason := letter.Header.Get(messages.HeaderError)
		letter.Header.Set(messages.HeaderError, Head(reason, max(0, len(reason)-over)))
	}
	letter.Data = letter.Data[:min(whole, max(0, limit-(letter.Size()-whole)))]
}
