// Package client is what publishers and observers do with forcelogout: sign agents
// out, now or later, withdraw that, and follow results and live progress.
package client

import (
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

const (
	// ackTime is how long the server may take to acknowledge a command. After that the
	// command is sent again.
	ackTime = 5 * time.Second
	// readTime is how long the server may take to answer a question.
	readTime = 5 * time.Second
	// mostPending bounds the commands that all calls together have on their way.
	mostPending = 64 << 10
)

// Client talks to one installation. It is safe for concurrent use. Nothing has to be
// closed: a client lives as long as its connection.
type Client struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	prefix messages.Prefix
	names  streams.Names

	mu     sync.Mutex
	shared map[string]*shared // feeds of results that calls of Await share, by VCC
}

// New returns a client of the installation under prefix in the connection's account.
func New(nc *nats.Conn, prefix messages.Prefix) (*Client, error) {
	return NewAt(nc, prefix, streams.API{})
}

// NewAt is New for an installation whose JetStream has a domain or prefix of its own,
// for example behind a leaf node.
func NewAt(nc *nats.Conn, prefix messages.Prefix, api streams.API) (*Client, error) {
	if err := prefix.Validate(); err != nil {
		return nil, err
	}
	js, err := api.JetStream(nc, jetstream.WithPublishAsyncMaxPending(mostPending), jetstream.WithPublishAsyncTimeout(ackTime))
	if err != nil {
		return nil, fmt.Errorf("using JetStream: %w", err)
	}
	return &Client{nc: nc, js: js, prefix: prefix, names: streams.NamesOf(prefix), shared: map[string]*shared{}}, nil
}
