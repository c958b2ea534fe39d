// Package embedded runs a real nats-server with JetStream inside this process,
// for the demo, for tests and for small installations.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Server is a running nats-server.
type Server struct {
	ns *server.Server
}

// startTimeout bounds how long the server may need to recover its store.
const startTimeout = 30 * time.Second

// Start runs a server that keeps its streams in dir and listens on addr, for
// example 127.0.0.1:4222, or 127.0.0.1:0 for a free port.
func Start(dir, addr string) (*Server, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("embedded NATS address %q: want HOST:PORT: %w", addr, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < 0 || port > 65535 {
		return nil, fmt.Errorf("embedded NATS address %q: the port must be 0-65535", addr)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	ns, err := server.NewServer(&server.Options{
		Host: host, Port: port,
		JetStream: true, StoreDir: dir,
		NoSigs: true, NoLog: true,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded NATS: %w", err)
	}
	ns.Start()
	if !ns.ReadyForConnections(startTimeout) || !ns.JetStreamEnabled() {
		ns.Shutdown()
		ns.WaitForShutdown()
		return nil, fmt.Errorf("embedded NATS did not start on %s: is the port taken, or %s not writable?", addr, dir)
	}
	return &Server{ns: ns}, nil
}

// URL is what clients connect to.
func (s *Server) URL() string { return s.ns.ClientURL() }

// Addr is the address that the server listens on; starting another server with
// it after Stop gives clients their server back.
func (s *Server) Addr() string { return s.ns.Addr().String() }

// Stop shuts the server down and waits until its files are closed.
func (s *Server) Stop(ctx context.Context) error {
	s.ns.Shutdown()
	done := make(chan struct{})
	go func() { defer close(done); s.ns.WaitForShutdown() }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.Join(errors.New("embedded NATS did not stop in time"), ctx.Err())
	}
}
