//go:build linux

package gateway

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestDialTimesOut: an address that swallows packets costs a call the time of a dial, not
// all of its own, and nothing was sent.
func TestDialTimesOut(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a dial's whole time: not with -short")
	}
	c := clientOf(t, "http://"+silentAddress(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := c.ForceLogout(ctx, Session{Inspector: "1001", GUID: "g"}, "30001")
	var unsent *UnsentError
	if !errors.As(err, &unsent) {
		t.Errorf("%v, want an UnsentError", err)
	}
	if ctx.Err() != nil {
		t.Error("the dial lasted as long as the call may")
	}
}

// silentAddress is one at which a connection is neither made nor refused: the queue of
// its listener is full, and nobody accepts.
func silentAddress(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
	const most = 16
	for range most {
		conn, err := net.DialTimeout("tcp", addr, 300*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Skip("this system queues connections that nobody accepts without end")
	return ""
}
