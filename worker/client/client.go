// Package client is what publishers and observers do with forcelogout: submit
// commands, follow results and live progress.
package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// ErrNotSetUp says that the installation's streams do not exist.
var ErrNotSetUp = errors.New("the streams do not exist: run forcelogout setup, or start a worker")

// Client talks to one installation. It is safe for concurrent use.
type Client struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	prefix messages.Prefix
}

// New returns a client of the installation under prefix.
func New(nc *nats.Conn, prefix messages.Prefix) (*Client, error) {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(1024))
	if err != nil {
		return nil, fmt.Errorf("using JetStream: %w", err)
	}
	return &Client{nc: nc, js: js, prefix: prefix}, nil
}

// Submit publishes commands and returns when the stream has taken all of them.
// The same id sent again within the stream's duplicate window is taken once.
func (c *Client) Submit(ctx context.Context, vcc string, commands []messages.Command) error {
	futures := make([]jetstream.PubAckFuture, 0, len(commands))
	for _, command := range commands {
		data, err := command.Encode()
		if err != nil {
			return fmt.Errorf("command %s: %w", command.ID, err)
		}
		future, err := c.js.PublishMsgAsync(&nats.Msg{
			Subject: c.prefix.Commands(vcc),
			Header:  nats.Header{jetstream.MsgIDHeader: {command.ID}},
			Data:    data,
		}, jetstream.WithRetryAttempts(1))
		if err != nil {
			return fmt.Errorf("publishing command %s: %w", command.ID, err)
		}
		futures = append(futures, future)
	}
	for i, future := range futures {
		select {
		case <-future.Ok():
		case err := <-future.Err():
			return fmt.Errorf("publishing command %s: %w", commands[i].ID, notSetUp(err))
		case <-ctx.Done():
			return fmt.Errorf("publishing command %s: %w", commands[i].ID, ctx.Err())
		}
	}
	return nil
}

func notSetUp(err error) error {
	if errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, nats.ErrNoResponders) {
		return ErrNotSetUp
	}
	return err
}

func (c *Client) resultsStream() string { return streams.NamesOf(c.prefix).Results }
