package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	// maxHead is how many bytes of an answer's status line and headers are read.
	maxHead = 256 << 10
	// maxInterim is how many 1xx answers may come before the answer.
	maxInterim = 5
)

// conn is one HTTP/1.1 connection, used by one exchange at a time.
type conn struct {
	home   *conns
	wire   syscall.RawConn // below TLS
	stream net.Conn
	in     *bufio.Reader
	head   io.LimitedReader // below in
	out    *bufio.Writer
	since  time.Time // when it became idle

	look  func(fd uintptr) (done bool) // peek, made once
	first [1]byte                      // what it saw
	still bool                         // that was nothing
}

func newConn(home *conns, wire, stream net.Conn) (*conn, error) {
	tcp, is := wire.(syscall.Conn)
	if !is {
		return nil, errors.New("the connection is no socket")
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &conn{home: home, wire: raw, stream: stream, out: bufio.NewWriter(stream), head: io.LimitedReader{R: stream}}
	c.in = bufio.NewReader(&c.head)
	c.look = c.peek
	return c, nil
}

func (c *conn) close() { _ = c.stream.Close() }

// exchange sends a request and reads its answer's head. When the answer's body is
// closed, the connection goes back, or ends where the body was not read to its end.
func (c *conn) exchange(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	// Only a deadline wakes who waits on a connection.
	let := context.AfterFunc(ctx, func() { _ = c.stream.SetDeadline(time.Unix(1, 0)) })
	resp, err := c.send(req)
	if err != nil {
		let()
		c.close()
		return nil, cause(ctx, err)
	}
	resp.Body = &body{
		ReadCloser: resp.Body, ctx: ctx, conn: c, let: let,
		again: !resp.Close && resp.StatusCode >= http.StatusOK,
		whole: resp.Body == http.NoBody,
	}
	return resp, nil
}

// cause is why an exchange failed.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (c *conn) send(req *http.Request) (*http.Response, error) {
	err := req.Write(c.out)
	if err == nil {
		err = c.out.Flush()
	}
	if err != nil {
		return nil, fmt.Errorf("sending the request: %w", err)
	}
	c.head.N = maxHead
	for range maxInterim {
		resp, err := http.ReadResponse(c.in, req)
		switch {
		case c.head.N == 0:
			return nil, fmt.Errorf("the answer's head is larger than %d bytes", maxHead)
		case err != nil:
			return nil, fmt.Errorf("waiting for the answer: %w", err)
		case resp.StatusCode >= http.StatusOK, resp.StatusCode == http.StatusSwitchingProtocols:
			c.head.N = math.MaxInt64 // who reads the body bounds it
			return resp, nil
		}
	}
	return nil, errors.New("one interim answer after another")
}

// body is an answer's body. Its end is the end of an exchange.
type body struct {
	io.ReadCloser
	ctx   context.Context
	conn  *conn
	let   func() bool // stops to look at the context; false where that has ended
	again bool        // the gateway lets the connection be used again
	whole bool        // all has been read
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch err {
	case nil:
	case io.EOF:
		b.whole = true
	default:
		err = cause(b.ctx, err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	if b.let() && b.again && b.whole && b.conn.in.Buffered() == 0 {
		b.conn.home.keep(b.conn)
	} else {
		b.conn.close()
	}
	return nil
}
