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
	"time"
)

// Server serves a gateway on one address.
type Server struct {
	URL   string
	CAPEM []byte // of the certificate's CA; nil without TLS

	http   *http.Server
	stop   context.CancelFunc
	served chan error
}

// Listen serves g on addr, for example 127.0.0.1:0 for a free port. With TLS it
// makes a certificate for the loopback names and addr's host.
func Listen(g *Gateway, addr string, withTLS bool) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	s := &Server{URL: "http://" + listener.Addr().String(), served: make(chan error, 1)}
	if withTLS {
		host, _, _ := net.SplitHostPort(listener.Addr().String())
		cert, ca, err := selfSigned(host)
		if err != nil {
			return nil, errors.Join(err, listener.Close())
		}
		s.CAPEM = ca
		s.URL = "https://" + listener.Addr().String()
		listener = tls.NewListener(listener, &tls.Config{
			Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		})
	}
	// Calls that hang must end when the server does.
	base, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.http = &http.Server{
		Handler:           g,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          log.New(io.Discard, "", 0), // faults are on purpose
	}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

// Close ends the server and every call that is in flight.
func (s *Server) Close() error {
	s.stop()
	err := s.http.Close()
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
