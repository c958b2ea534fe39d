package gateway

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

const (
	// handshakeTime bounds a TLS handshake.
	handshakeTime = 5 * time.Second
	// idleTime is how long a connection is kept for the next call.
	idleTime = 90 * time.Second
)

// conns are HTTP/1.1 connections to one gateway, kept for the next call. Who makes a
// call writes and reads by itself: the two goroutines that an http.Transport has for
// each connection take a fifth of a worker's CPU at full speed.
type conns struct {
	address string // host and port
	secure  *tls.Config
	most    int // idle ones

	mu     sync.Mutex
	idle   []*conn // the one that was used last is the last
	closed bool    // none is kept any more
	sweep  *time.Timer
}

// newConns returns connections to the host of a URL.
func newConns(base *url.URL, config *tls.Config, most int) *conns {
	c := &conns{most: most}
	port := "80"
	if base.Scheme == "https" {
		port = "443"
		c.secure = config.Clone()
		c.secure.NextProtos = []string{"http/1.1"}
		if c.secure.ServerName == "" {
			c.secure.ServerName = base.Hostname()
		}
	}
	if own := base.Port(); own != "" {
		port = own
	}
	c.address = net.JoinHostPort(base.Hostname(), port)
	return c
}

// RoundTrip implements http.RoundTripper for requests whose body is in memory. Like
// an http.Transport, it never sends a request again that may have been read.
func (c *conns) RoundTrip(req *http.Request) (*http.Response, error) {
	use := c.take()
	if use == nil {
		var err error
		if use, err = c.dial(req.Context()); err != nil {
			return nil, err
		}
	}
	return use.exchange(req)
}

// take returns an idle connection that the gateway has not closed, nil if there is
// none.
func (c *conns) take() *conn {
	for {
		newest := c.pop()
		if newest == nil || newest.quiet() {
			return newest
		}
		newest.close()
	}
}

func (c *conns) pop() *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := len(c.idle) - 1
	if last < 0 {
		return nil
	}
	newest := c.idle[last]
	c.idle[last] = nil
	c.idle = c.idle[:last]
	return newest
}

// keep makes a connection idle, or ends it where no more are wanted.
func (c *conns) keep(used *conn) {
	used.since = time.Now()
	if !c.push(used) {
		used.close()
	}
}

func (c *conns) push(used *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) >= c.most {
		return false
	}
	c.idle = append(c.idle, used)
	if c.sweep == nil {
		c.sweep = time.AfterFunc(idleTime, c.sweepIdle)
	}
	return true
}

// sweepIdle closes what has been idle for too long, and comes again while something
// is idle.
func (c *conns) sweepIdle() {
	for _, old := range c.takeOld() {
		old.close()
	}
}

func (c *conns) takeOld() []*conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(c.idle) && time.Since(c.idle[n].since) >= idleTime {
		n++
	}
	old := slices.Clone(c.idle[:n])
	c.idle = slices.Delete(c.idle, 0, n)
	switch {
	case c.sweep == nil: // closed
	case len(c.idle) == 0:
		c.sweep = nil
	default:
		c.sweep.Reset(idleTime - time.Since(c.idle[0].since))
	}
	return old
}

// close ends the idle connections now, and those in use when their exchange ends.
func (c *conns) close() {
	for _, idle := range c.takeAll() {
		idle.close()
	}
}

func (c *conns) takeAll() []*conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sweep != nil {
		c.sweep.Stop()
	}
	all := c.idle
	c.closed, c.idle, c.sweep = true, nil, nil
	return all
}

func (c *conns) dial(ctx context.Context) (*conn, error) {
	var dialer net.Dialer
	wire, err := dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, err
	}
	made, err := c.handshake(ctx, wire)
	if err != nil {
		_ = wire.Close()
		return nil, err
	}
	return made, nil
}

func (c *conns) handshake(ctx context.Context, wire net.Conn) (*conn, error) {
	if c.secure == nil {
		return newConn(c, wire, wire)
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	stream := tls.Client(wire, c.secure)
	if err := stream.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return newConn(c, wire, stream)
}
