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

// Letter is a message that was no valid command, as it came.
type Letter struct {
	Sequence uint64 // its number among the dead letters
	VCC      string
	Stored   time.Time
	Reason   string // what was wrong with the message
	Subject  string // where the message had been published
	Data     []byte // where Cut is set, only the beginning
	Cut      bool
	ID       string // "" where the message has none that can be read
	WorkNo   string // "" where the message has none that can be read
}

// Letters calls do for each dead letter, the oldest first, until do returns false.
// An empty vcc means all.
func (c *Client) Letters(ctx context.Context, vcc string, do func(Letter) bool) error {
	subject := c.prefix.Dead(vcc)
	return c.pass(ctx, c.names.Dead, "", func(msg jetstream.RawStreamMsg) bool {
		if vcc != "" && msg.Subject != subject {
			return true
		}
		return do(c.letter(msg))
	})
}

// Letter reads one dead letter.
func (c *Client) Letter(ctx context.Context, seq uint64) (Letter, error) {
	msg, err := c.next(ctx, c.names.Dead, seq, "")
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Letter{}, ErrNoLetter
	}
	if err != nil {
		return Letter{}, err
	}
	return c.letter(msg), nil
}

func (c *Client) letter(msg jetstream.RawStreamMsg) Letter {
	l := Letter{
		Sequence: msg.Sequence, VCC: strings.TrimPrefix(msg.Subject, c.prefix.Dead("")), Stored: msg.Time,
		Reason: msg.Header.Get(messages.HeaderError), Subject: msg.Header.Get(messages.HeaderSubject), Data: msg.Data,
		Cut: msg.Header.Get(messages.HeaderTruncated) != "",
	}
	l.ID, l.WorkNo, _ = messages.Identify(msg.Data)
	return l
}

// Replay publishes a dead letter again, unchanged and so under its id, and then removes
// the letter. A letter that is still no valid command stays, and the error says why. A
// result that rejected the command is removed, since a command can have one result only;
// any other result means that the id is done, which is ErrEnded.
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
		return messages.Command{}, err
	}
	// Without a message id: the stream may still remember the id of the first try. A worker
	// makes sure that the command is executed once.
	if _, err := c.js.PublishMsg(ctx, &nats.Msg{Subject: c.prefix.Commands(letter.VCC), Data: letter.Data}); err != nil {
		return messages.Command{}, c.explain("publishing it", err)
	}
	return command, c.RemoveLetter(ctx, seq)
}

// unreject removes the result that rejected a command.
func (c *Client) unreject(ctx context.Context, vcc string, command messages.Command) error {
	subject := c.prefix.Result(vcc, command.WorkNo, command.ID)
	found, err := c.lasts(ctx, c.names.Results, []string{subject})
	msg, there := found[subject]
	if err != nil || !there {
		return err
	}
	result, err := messages.DecodeResult(msg.Data)
	if err != nil {
		return err
	}
	if result.Outcome != messages.OutcomeRejected {
		return fmt.Errorf("%w: %s", ErrEnded, result.Outcome)
	}
	if _, err := c.remove(ctx, c.names.Results, msg.Sequence); err != nil {
		return fmt.Errorf("removing the result that rejected it: %w", err)
	}
	return nil
}

// RemoveLetter deletes a dead letter.
func (c *Client) RemoveLetter(ctx context.Context, seq uint64) error {
	there, err := c.remove(ctx, c.names.Dead, seq)
	switch {
	case err != nil:
		return fmt.Errorf("removing it: %w", err)
	case !there:
		return ErrNoLetter
	}
	return nil
}

func (c *Client) remove(ctx context.Context, name string, seq uint64) (there bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	stream, err := c.js.Stream(ctx, name)
	if err == nil {
		there, err = streams.Remove(ctx, stream, seq)
	}
	return there, c.explain("the stream "+name, err)
}
