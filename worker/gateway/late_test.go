package gateway

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// TestNoRequestAfterItsTime: a process that stood still between its last check and the
// request writes nothing when it wakes.
func TestNoRequestAfterItsTime(t *testing.T) {
	t.Parallel()
	for name, until := range map[string]*time.Time{"in time": in(time.Hour), "without a limit": nil, "too late": in(-time.Second)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := net.Pipe()
			defer ours.Close()
			defer theirs.Close()
			w := &wire{Conn: ours}
			w.until.Store(until)
			w.state.Store(given)
			got := make(chan int, 1)
			go func() { n, _ := theirs.Read(make([]byte, 10)); got <- n }()
			_, err := w.Write([]byte("POST"))
			_ = ours.Close()
			late := name == "too late"
			if n := <-got; errors.Is(err, os.ErrDeadlineExceeded) != late || (n == 0) != late {
				t.Errorf("%d bytes were written, error %v", n, err)
			}
		})
	}
}

func in(d time.Duration) *time.Time {
	t := time.Now().Add(d)
	return &t
}
