package systemtest

import (
	"bytes"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// skew is a way to NATS behind which the server's clock differs.
func (f *faults) skew(by time.Duration) (url string) {
	f.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	f.must(err)
	var copying sync.WaitGroup
	copying.Go(func() {
		for {
			worker, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", strings.TrimPrefix(f.nats, "nats://"))
			if err != nil {
				_ = worker.Close()
				return
			}
			copying.Go(func() { _, _ = io.Copy(server, worker); _ = server.Close() })
			copying.Go(func() { shift(worker, server, by); _ = worker.Close() })
		}
	})
	f.Cleanup(func() { _ = listener.Close(); copying.Wait() })
	return "nats://" + listener.Addr().String()
}

// shift copies what a server says and shifts its times. Everything in the protocol
// ends with a line, so nothing is held back that somebody waits for.
func shift(to io.Writer, from io.Reader, by time.Duration) {
	// The reply subject of a delivery says when the server stored the message.
	delivered := regexp.MustCompile(`(\$JS\.ACK\.FORCELOGOUT_COMMANDS\.[^. ]+\.\d+\.\d+\.\d+\.)(\d{19})(\.\d+)`)
	var held []byte
	chunk := make([]byte, 64<<10)
	for {
		n, err := from.Read(chunk)
		held = append(held, chunk[:n]...)
		end := bytes.LastIndexByte(held, '\n') + 1
		lines := delivered.ReplaceAllFunc(held[:end], func(m []byte) []byte {
			part := delivered.FindSubmatch(m)
			at, _ := strconv.ParseInt(string(part[2]), 10, 64)
			return append(strconv.AppendInt(bytes.Clone(part[1]), at+int64(by), 10), part[3]...)
		})
		if _, failed := to.Write(lines); failed != nil || err != nil {
			return
		}
		held = append([]byte(nil), held[end:]...)
	}
}

// TestFaultsClockSkew: the server's clock is five minutes off. What has a time of its
// own ends by that; the rest lives five minutes more or less; nothing is doubled.
func TestFaultsClockSkew(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"ahead": 5 * time.Minute, "behind": -5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFaults(t)
			url := f.skew(by)
			for range 2 {
				f.hire(url, f.gateway)
			}
			f.send(1000)
			f.some()
			f.cancel(10)
			found := f.check()
			f.none(found, messages.OutcomeFailed, messages.OutcomeRejected, messages.OutcomeAlreadySignedOut)
			shifted := 0
			for id, r := range found {
				if r.Outcome == messages.OutcomeExpired && f.orders[id].ExpiresAt.IsZero() {
					t.Errorf("%s: %+v", id, r)
				}
				if d := r.IssuedAt.Sub(r.FinishedAt) - by; -time.Minute < d && d < time.Minute {
					shifted++
				}
			}
			if shifted < len(found)/2 {
				t.Errorf("the clock of %d of %d commands is off: nothing was tested", shifted, len(found))
			}
		})
	}
}
