package worker_test

import (
	"bytes"
	"net"
	"sync"

	"github.com/nats-io/nats.go"
)

// line is a TCP way that can be held. What is written meanwhile arrives when it flows
// again, as TCP does: a line that dropped bytes would hide what comes late.
type line struct {
	listener net.Listener
	copying  sync.WaitGroup

	mu    sync.Mutex
	to    string
	held  chan struct{} // closed when it flows again; nil while it does
	word  []byte        // the line is held when somebody writes this; nil for nothing
	conns []net.Conn
}

// line leads to an address, or to none yet.
func (r *rig) line(to string) *line {
	r.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	l := &line{listener: listener, to: to}
	l.copying.Go(l.accept)
	r.Cleanup(l.cut)
	return l
}

func (l *line) addr() string { return l.listener.Addr().String() }

func (l *line) lead(to string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = to
}

// connectBy gives a connection over the line.
func (r *rig) connectBy(l *line) *nats.Conn {
	r.Helper()
	return r.connectTo("nats://"+l.addr(), nats.ReconnectBufSize(-1))
}

func (l *line) accept() {
	for {
		in, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		to := l.to
		l.mu.Unlock()
		out, err := net.Dial("tcp", to)
		if err != nil {
			_ = in.Close()
			continue
		}
		l.mu.Lock()
		l.conns = append(l.conns, in, out)
		l.mu.Unlock()
		l.copying.Go(func() { l.copy(out, in) })
		l.copying.Go(func() { l.copy(in, out) })
	}
}

func (l *line) copy(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if held := l.passing(buffer[:n]); held != nil {
			<-held
		}
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}

// passing returns what bytes have to wait for, nil for nothing.
func (l *line) passing(data []byte) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil && l.word != nil && bytes.Contains(data, l.word) {
		l.held, l.word = make(chan struct{}), nil
	}
	return l.held
}

// hold lets nothing through, in neither direction.
func (l *line) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = make(chan struct{})
	}
}

// holdAt holds the line when somebody writes the word, before it gets through.
func (l *line) holdAt(word string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.word = []byte(word)
}

func (l *line) isHeld() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held != nil
}

// flow lets through what was held, and all that follows.
func (l *line) flow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil {
		close(l.held)
		l.held = nil
	}
}

func (l *line) cut() {
	_ = l.listener.Close()
	l.flow()
	l.mu.Lock()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.mu.Unlock()
	l.copying.Wait()
}
