package client

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// chunk is how many commands are looked at together. For one request a server answers
// with the last messages of at most 1,024 subjects.
const chunk = 500

// target is a command that is asked about; workNo may be unknown.
type target struct {
	key
	workNo string
}

// facts are what NATS knows of a command.
type facts struct {
	result *messages.Result
	note   messages.Parked
	noted  uint64            // the note's sequence, 0 for none
	held   *messages.Command // for later; nil for none
	stored streams.Message   // that command as NATS holds it
}

// look finds what is known of up to chunk commands.
func (c *Client) look(ctx context.Context, targets []target) (map[key]*facts, error) {
	results, notes, held := make([]string, len(targets)), make([]string, len(targets)), make([]string, len(targets))
	found := make(map[key]*facts, len(targets))
	byNote, byHeld := make(map[string]*facts, len(targets)), make(map[string]*facts, len(targets))
	for i, t := range targets {
		f := &facts{}
		found[t.key] = f
		results[i] = c.prefix.Result(t.vcc, or(t.workNo, messages.AnyToken), t.id)
		notes[i], held[i] = c.prefix.Parked(t.vcc, t.id), c.prefix.Schedule(t.vcc, t.id)
		byNote[notes[i]], byHeld[held[i]] = f, f
	}
	var lasts [3]map[string]streams.Message
	group, ctx := errgroup.WithContext(ctx)
	for i, ask := range []struct {
		stream   string
		subjects []string
	}{{c.names.Results, results}, {c.names.Parked, notes}, {c.names.Commands, held}} {
		group.Go(func() (err error) {
			lasts[i], err = c.lasts(ctx, ask.stream, ask.subjects)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, msg := range lasts[0] {
		if r, err := messages.DecodeResult(msg.Data); err == nil {
			if f := found[key{r.VCC, r.ID}]; f != nil {
				f.result = &r
			}
		}
	}
	for subject, msg := range lasts[1] {
		if note, err := messages.DecodeParked(msg.Data); err == nil {
			byNote[subject].note, byNote[subject].noted = note, msg.Sequence
		}
	}
	for subject, msg := range lasts[2] {
		if command, err := messages.DecodeCommand(msg.Data); err == nil {
			byHeld[subject].held, byHeld[subject].stored = &command, msg
		}
	}
	return found, nil
}

// lookOne is look for one command.
func (c *Client) lookOne(ctx context.Context, t target) (*facts, error) {
	found, err := c.look(ctx, []target{t})
	if err != nil {
		return nil, err
	}
	return found[t.key], nil
}

// lasts are the last messages on subjects, by subject. A subject without a message is
// left out.
func (c *Client) lasts(ctx context.Context, stream string, subjects []string) (map[string]streams.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	found, err := streams.Lasts(ctx, c.js, stream, subjects)
	return found, c.explainStream(ctx, stream, err)
}

// command reads a command that waits for workers. ok is false where no such command has
// this sequence any more.
func (c *Client) command(ctx context.Context, vcc string, seq uint64) (command messages.Command, ok bool, err error) {
	msg, err := c.next(ctx, c.names.Commands, seq, "")
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return command, false, nil
	}
	if err != nil {
		return command, false, err
	}
	command, err = messages.DecodeCommand(msg.Data)
	return command, err == nil && msg.Subject == c.prefix.Commands(vcc), nil
}

// explainStream is explain for reading a stream. Where nobody answers, the stream may be
// missing; JetStream says so when it is asked for the stream.
func (c *Client) explainStream(ctx context.Context, stream string, err error) error {
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) {
		if _, asked := c.js.Stream(ctx, stream); errors.Is(asked, jetstream.ErrStreamNotFound) {
			err = asked
		}
	}
	return c.explain("reading the stream "+stream, err)
}
