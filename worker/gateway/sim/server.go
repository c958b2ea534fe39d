package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves a gateway on one address. Several servers may serve the same
// gateway, as several nodes do.
type Server struct {
	URL   string // scheme and address; loopback where the server listens on every address
	CAPEM []byte // certificate of the CA that the server's certificate is from; nil without TLS

	http   *http.Server
	stop   context.CancelFunc
	served chan error   // what Serve returned
	calls  sync.RWMutex // held for reading by each call
	close  func() error
}

// Options are how a server speaks HTTP.
type Options struct {
	TLS        bool
	HTTP2      bool // offer it; with TLS only
	CloseAfter int  // end each connection after so many calls, without a word; 0 for never
}

// Listen serves g on addr, for example 127.0.0.1:0 for a free port. With TLS it
// makes a CA and a certificate for 127.0.0.1, ::1, localhost and addr's host,
// valid for 30 days. Close ends it.
func Listen(g *Gateway, addr string, withTLS bool) (*Server, error) {
	return ListenWith(g, addr, Options{TLS: withTLS})
}

// ListenWith is Listen with a choice.
func ListenWith(g *Gateway, addr string, opts Options) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	s := &Server{URL: "http://" + reachable(listener.Addr()), served: make(chan error, 1)}
	if opts.TLS {
		host, _, _ := net.SplitHostPort(addr) // net.Listen has taken it
		cert, ca, err := selfSigned(host)
		if err != nil {
			return nil, errors.Join(err, listener.Close())
		}
		s.CAPEM = ca
		s.URL = "https://" + reachable(listener.Addr())
		config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
		if opts.HTTP2 {
			config.NextProtos = []string{"h2", "http/1.1"}
		}
		listener = tls.NewListener(listener, config)
	}
	s.serve(g, listener, opts)
	return s, nil
}

func (s *Server) serve(g *Gateway, listener net.Listener, opts Options) {
	// Calls that hang must end when the server does.
	open, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.close = sync.OnceValue(s.end)
	s.http = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.calls.RLock()
			defer s.calls.RUnlock()
			if open.Err() != nil {
				panic(http.ErrAbortHandler)
			}
			g.ServeHTTP(w, r)
			if n, is := r.Context().Value(callsOf{}).(*atomic.Int64); is && n.Add(1) >= int64(opts.CloseAfter) && r.ProtoMajor == 1 {
				s.hangUp(w)
			}
		}),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return open },
		ErrorLog:          log.New(io.Discard, "", 0), // faults are on purpose
	}
	if opts.CloseAfter > 0 {
		s.http.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, callsOf{}, &atomic.Int64{})
		}
	}
	go func() { s.served <- s.http.Serve(listener) }()
}

// callsOf is the key of a connection's number of calls.
type callsOf struct{}

// hangUp ends a connection behind its answer, without a word in the answer.
func (s *Server) hangUp(w http.ResponseWriter) {
	conn := http.NewResponseController(w)
	_ = conn.Flush()
	if raw, _, err := conn.Hijack(); err == nil {
		_ = raw.Close()
	}
}

// Close ends the server and every call that is in flight, and waits for them:
// afterwards the gateway's record does not change any more. A second Close does
// nothing.
func (s *Server) Close() error { return s.close() }

func (s *Server) end() error {
	s.stop()
	err := s.http.Close()
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	s.calls.Lock() // http.Server.Close does not wait for its calls
	defer s.calls.Unlock()
	return err
}

// reachable is an address that a client on this machine can use.
func reachable(addr net.Addr) string {
	tcp, is := addr.(*net.TCPAddr)
	if !is || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
}
