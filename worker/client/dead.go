package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// ErrNoLetter says that there is no dead letter with that number.
var ErrNoLetter = errors.New("there is no dead letter with that number, see forcelogout dead ls")

// Letter is a command that was no valid command, as it came.
type Letter struct {
	Sequence uint64 // its number among the dead letters
	VCC      string
	Stored   time.Time
	Reason   string // what was wrong with it
	Subject  string // where it had been published
	Data     []byte // cut where messages.HeaderTruncated says so
	Cut      bool
	ID       string // "" where it cannot be read
	WorkNo   string // "" where it cannot be read
}

// Letters calls do for each dead letter, the oldest first, until do returns false.
// An empty vcc means all.
func (c *Client) Letters(ctx context.Context, vcc string, do func(Letter) bool) error {
	if vcc == "" {
		vcc = messages.AnyToken
	}
	return c.eachMessage(ctx, streams.NamesOf(c.prefix).Dead, c.prefix.Dead(vcc), func(msg *jetstream.RawStreamMsg) bool {
		return do(c.letter(msg))
	})
}

// Letter reads one dead letter.
func (c *Client) Letter(ctx context.Context, seq uint64) (Letter, error) {
	stream, err := c.stream(ctx, streams.NamesOf(c.prefix).Dead)
	if err != nil {
		return Letter{}, err
	}
	msg, err := stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Letter{}, ErrNoLetter
	}
	if err != nil {
		return Letter{}, fmt.Errorf("reading dead letter %d: %w", seq, err)
	}
	return c.letter(msg), nil
}

func (c *Client) letter(msg *jetstream.RawStreamMsg) Letter {
	l := Letter{
		Sequence: msg.Sequence, VCC: strings.TrimPrefix(msg.Subject, c.prefix.Dead("")), Stored: msg.Time,
		Reason: msg.Header.Get(messages.HeaderError), Subject: msg.Header.Get(messages.HeaderSubject), Data: msg.Data,
		Cut: msg.Header.Get(messages.HeaderTruncated) != "",
	}
	l.ID, l.WorkNo, _ = messages.Identify(msg.Data)
	return l
}

// Replay publishes a dead letter again, unchanged and so under its id, and then
// removes it. It is checked again: one that is still no valid command stays. A
// result that rejected it goes, since there can be one result only; any other
// means that the id is done, which is ErrEnded.
func (c *Client) Replay(ctx context.Context, seq uint64) (messages.Command, error) {
	letter, err := c.Letter(ctx, seq)
	if err != nil {
		return messages.Command{}, err
	}
	command, err := messages.DecodeCommand(letter.Data)
	if err == nil {
		err = c.unreject(ctx, letter.VCC, command)
	}
	if err != nil {
		return messages.Command{}, fmt.Errorf("dead letter %d: %w", seq, err)
	}
	// Without a message id: the stream may still remember that of the first try. A
	// worker makes sure that it is executed once.
	if _, err := c.js.PublishMsg(ctx, &nats.Msg{Subject: c.prefix.Commands(letter.VCC), Data: letter.Data}); err != nil {
		return messages.Command{}, fmt.Errorf("dead letter %d: publishing: %w", seq, notSetUp(err))
	}
	return command, c.RemoveLetter(ctx, seq)
}

// unreject removes the result that rejected a command.
func (c *Client) unreject(ctx context.Context, vcc string, command messages.Command) error {
	results := streams.NamesOf(c.prefix).Results
	msg, err := c.last(ctx, results, c.prefix.Result(vcc, command.WorkNo, command.ID))
	if err != nil || msg == nil {
		return err
	}
	result, err := messages.DecodeResult(msg.Data)
	if err != nil {
		return err
	}
	if result.Outcome != messages.OutcomeRejected {
		return fmt.Errorf("%w: %s", ErrEnded, result.Outcome)
	}
	stream, err := c.stream(ctx, results)
	if err != nil {
		return err
	}
	if _, err := streams.Remove(ctx, stream, msg.Sequence); err != nil {
		return fmt.Errorf("removing the result that rejected it: %w", err)
	}
	return nil
}

// RemoveLetter deletes a dead letter.
func (c *Client) RemoveLetter(ctx context.Context, seq uint64) error {
	stream, err := c.stream(ctx, streams.NamesOf(c.prefix).Dead)
	if err != nil {
		return err
	}
	there, err := streams.Remove(ctx, stream, seq)
	switch {
	case err != nil:
		return fmt.Errorf("removing dead letter %d: %w", seq, err)
	case !there:
		return ErrNoLetter
	}
	return nil
}
