// Package client is what publishers and observers do with forcelogout: submit
// commands, follow results and live progress.
package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

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

	mu     sync.Mutex
	opened map[string]jetstream.Stream
}

// New returns a client of the installation under prefix.
func New(nc *nats.Conn, prefix messages.Prefix) (*Client, error) {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(window))
	if err != nil {
		return nil, fmt.Errorf("using JetStream: %w", err)
	}
	return &Client{nc: nc, js: js, prefix: prefix, opened: map[string]jetstream.Stream{}}, nil
}

// Submit publishes commands for at once and returns when the stream has taken all
// of them. The same id sent again within the stream's duplicate window is taken
// once.
func (c *Client) Submit(ctx context.Context, vcc string, commands []messages.Command) error {
	orders := func(yield func(Order, error) bool) {
		for _, command := range commands {
			if !yield(Order{VCC: vcc, Command: command}, nil) {
				return
			}
		}
	}
	return c.Publish(ctx, orders, func(Order, error) {})
}

func notSetUp(err error) error {
	if errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, nats.ErrNoResponders) {
		return ErrNotSetUp
	}
	return err
}

func (c *Client) resultsStream() string { return streams.NamesOf(c.prefix).Results }
