package worker_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
)

// failover is a way to the gateway whose connections can all fall silent, while new
// ones work.
type failover struct {
	url    string
	silent atomic.Int64 // connections of before this one swallow what comes
	made   atomic.Int64
}

func newFailover(r *rig) *failover {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	f := &failover{url: "http://" + l.Addr().String()}
	target := r.url[len("http://"):]
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := f.made.Add(1)
			open.Go(func() { f.pass(c, n, target) })
		}
	})
	r.Cleanup(func() { l.Close(); open.Wait() })
	return f
}

func (f *failover) pass(c net.Conn, n int64, target string) {
	defer c.Close()
	to, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer to.Close()
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{c: to, to: c} {
		both.Go(func() {
			defer to.Close()
			buf := make([]byte, 4096)
			for {
				got, err := from.Read(buf)
				if err != nil {
					return
				}
				if n <= f.silent.Load() {
					continue
				}
				if _, err := to.Write(buf[:got]); err != nil {
					return
				}
			}
		})
	}
	both.Wait()
}

// TestFailover: after a failover every connection is silent for ever and a new one
// works at once. What was in flight is lost; one timed-out round is all that it
// costs.
func TestFailover(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	f := newFailover(r)
	r.url = f.url
	w := r.start(func(c *worker.Config) { c.CallTimeout, c.Concurrency = time.Second, 16 })
	r.send(crew(0, 100)...)
	r.allSignedOut(100)
	f.silent.Store(f.made.Load())
	r.send(crew(100, 100)...)
	for id, got := range r.await(200) {
		if got.Outcome != messages.OutcomeSignedOut && got.Outcome != messages.OutcomeAlreadySignedOut {
			t.Errorf("%s: result %+v", id, got)
		}
	}
	r.untilReady(w)
}
