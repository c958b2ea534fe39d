package systemtest

import (
	"net"
	"strings"
	"sync"
)

// way is a TCP connection between two parts whose bytes can be held: what is written
// meanwhile arrives when it flows again, and so do connections and their ends. A proxy
// that drops bytes would hide what arrives too late.
type way struct {
	net.Listener
	to string

	mu      sync.Mutex
	flowing chan struct{} // closed while bytes flow
	copying sync.WaitGroup
}

func (f *faults) way(to string) *way {
	f.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	f.must(err)
	w := &way{Listener: listener, to: to[strings.Index(to, "://")+3:], flowing: make(chan struct{})}
	close(w.flowing)
	w.copying.Go(w.accept)
	// Both ends of every connection are closed by now: they were started later.
	f.Cleanup(func() { w.flow(); _ = listener.Close(); w.copying.Wait() })
	return w
}

func (w *way) url() string { return "nats://" + w.Addr().String() }

// hold lets nothing through until flow is called, once for each hold.
func (w *way) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flowing = make(chan struct{})
}

// flow lets everything through, first what was held.
func (w *way) flow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.flowing: // it was not held
	default:
		close(w.flowing)
	}
}

func (w *way) pass() {
	w.mu.Lock()
	flowing := w.flowing
	w.mu.Unlock()
	<-flowing
}

func (w *way) accept() {
	for {
		near, err := w.Accept()
		if err != nil {
			return
		}
		w.copying.Go(func() { w.connect(near) })
	}
}

func (w *way) connect(near net.Conn) {
	w.pass()
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		_ = near.Close()
		return
	}
	w.copying.Go(func() { w.copy(near, far) })
	w.copy(far, near)
}

// copy ends both connections with the one that it reads from.
func (w *way) copy(to, from net.Conn) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	chunk := make([]byte, 64<<10)
	for {
		n, err := from.Read(chunk)
		w.pass()
		if n > 0 {
			if _, failed := to.Write(chunk[:n]); failed != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
