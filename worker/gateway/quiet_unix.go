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
func (c *conn) quiet() (yes bool) {
	err := c.wire.Read(func(fd uintptr) (done bool) {
		var first [1]byte
		_, _, err := syscall.Recvfrom(int(fd), first[:], syscall.MSG_PEEK) // a socket of Go's never blocks
		yes = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return yes && err == nil
}
