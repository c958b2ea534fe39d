package gateway

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// What a connection is doing.
const (
	handshaking int32 = iota
	given             // it has a request to send
	asked             // bytes of the request have left
	heard             // and bytes have come
	resting           // the answer has been read
	barred            // nothing may be sent
)

// wire is a TCP connection, below TLS, that sees whether an answer began to come
// after its request had left. HTTP/1.1 knows no other mark that ties an answer to its
// request: bytes that are there before it, or come between two of them, are
// somebody else's answer.
type wire struct {
	net.Conn
	state atomic.Int32
	until atomic.Pointer[time.Time] // no HTTP/1.1 request is begun after this moment; nil for no limit
}

// Read implements io.Reader.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n == 0 {
		return n, err
	}
	w.state.CompareAndSwap(asked, heard)
	if w.state.Load() == resting {
		return 0, errUnasked
	}
	return n, err
}

// Write implements io.Writer. A process that was stopped right before a request would
// write it when it wakes, before any timer could tell that its time is over: the command
// is somebody else's by then.
func (w *wire) Write(p []byte) (int, error) {
	switch w.state.Load() {
	case barred:
		return 0, errRepeated
	case given:
		if isPast(w.until.Load(), time.Now()) {
			return 0, errLate
		}
		w.state.Store(asked)
	}
	return w.Conn.Write(p)
}

// isPast reports whether a moment is over by the monotonic or by the wall clock.
func isPast(until *time.Time, now time.Time) bool {
	return until != nil && (now.After(*until) || now.Round(0).After(until.Round(0)))
}

// exchange watches one request on its way.
type exchange struct {
	trace httptrace.ClientTrace
	until *time.Time // when the call's time is over; nil for never
	stop  context.CancelCauseFunc
	wire  *wire       // nil before there is a connection
	early atomic.Bool // the answer was there before the request
	sent  bool        // there was a connection: something may have been sent
	again bool        // it may be made once more if its connection breaks
	wrote atomic.Bool // HTTP/2 has begun to send it
}

// newExchange returns the context to make the request with. It ends with the exchange.
func newExchange(ctx context.Context, again bool) (*exchange, context.Context) {
	x := &exchange{again: again}
	if until, limited := ctx.Deadline(); limited {
		x.until = &until
	}
	x.trace.GotConn = x.gotConn
	x.trace.WroteHeaders = func() { x.wrote.Store(true) }
	x.trace.GotFirstResponseByte = x.gotFirstByte
	ctx, x.stop = context.WithCancelCause(ctx)
	return x, httptrace.WithClientTrace(ctx, &x.trace)
}

// gotConn is told of each connection that net/http chooses. By itself it would make a
// GET again whose connection broke, and over HTTP/2 every request whose stream the
// gateway ended with PROTOCOL_ERROR or REFUSED_STREAM, as fast as the gateway answers.
func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	bar := x.left() && !x.again
	if bar {
		x.stop(errRepeated)
	}
	x.again = x.again && !x.left() // once
	x.sent = true
	x.wrote.Store(false)
	c := info.Conn
	if over, is := c.(*tls.Conn); is {
		if over.ConnectionState().NegotiatedProtocol == "h2" {
			x.gotShared()
			return
		}
		c = over.NetConn()
	}
	if x.wire, _ = c.(*wire); x.wire != nil && bar {
		x.wire.state.Store(barred)
	} else if x.wire != nil {
		x.wire.until.Store(x.until)
		x.wire.state.Store(given)
	}
}

// gotShared is gotConn where others' requests are under way on the same connection: a
// write that is refused would end them all. HTTP/2 looks at the context right before it
// writes a request, and HTTP/1.1 does not.
func (x *exchange) gotShared() {
	if isPast(x.until, time.Now()) {
		x.stop(errLate)
	}
}

// left reports whether bytes of the request may have left.
func (x *exchange) left() bool {
	if x.wire != nil {
		return x.wire.state.Load() != given
	}
	return x.wrote.Load()
}

func (x *exchange) gotFirstByte() {
	if x.wire != nil && x.wire.state.Load() != heard {
		x.early.Store(true)
	}
}

// over is told that the answer has been read: whatever comes now, nobody has asked for.
func (x *exchange) over() {
	if x.wire != nil {
		x.wire.state.Store(resting)
	}
}
