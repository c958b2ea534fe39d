//go:build !unix

package gateway

// canLook says that an idle connection cannot be looked at here, so that an
// http.Transport has to make all calls.
const canLook = false

func (*conn) quiet() bool { return false }

func (*conn) peek(uintptr) (done bool) { return true }
