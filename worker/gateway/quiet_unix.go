//go:build unix

package gateway

import (
	"errors"
	"syscall"
)

// canLook says that quiet works here.
const canLook = true

// quiet reports whether nothing has come on an idle connection: not its end, and
// nothing that nobody asked for. A request on a connection that the gateway has
// closed would be lost, and nobody would know whether it had been read.
func (c *conn) quiet() bool {
	c.still = false
	return c.wire.Read(c.look) == nil && c.still
}

// peek is what quiet does with the socket.
func (c *conn) peek(fd uintptr) (done bool) {
	_, _, err := syscall.Recvfrom(int(fd), c.first[:], syscall.MSG_PEEK) // a socket of Go's never blocks
	c.still = errors.Is(err, syscall.EAGAIN)
	return true
}
