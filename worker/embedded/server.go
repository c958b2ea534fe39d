// Package embedded runs a real nats-server with JetStream inside this process,
// for the demo, for tests and for small installations.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
)

// ErrInUse says that another server has the directory.
var ErrInUse = errors.New("another embedded NATS server has it open, and two would destroy it")

// Server is a running nats-server.
type Server struct {
	ns   *server.Server
	lock *flock.Flock
	log  *complaints
}

// startTimeout bounds how long the server may need to recover its store.
const startTimeout = 30 * time.Second

// lockFile is in the store's directory, and stays there.
const lockFile = "forcelogout.lock"

// Start is StartContext without an end.
func Start(dir, addr string) (*Server, error) {
	return StartContext(context.Background(), dir, addr)
}

// StartContext runs a server that keeps its streams in dir and listens on addr, for
// example 127.0.0.1:4222, or 127.0.0.1:0 for a free port. When the context ends
// first, nobody waits until the server has recovered its store; it is shut down then.
func StartContext(ctx context.Context, dir, addr string) (_ *Server, err error) {
	opts, err := options(dir, addr)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("embedded NATS: %w", err)
	}
	s := &Server{lock: flock.New(filepath.Join(dir, lockFile)), log: newComplaints()}
	switch locked, err := s.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("embedded NATS: locking %s: %w", dir, err)
	case !locked:
		return nil, fmt.Errorf("embedded NATS: %s: %w", dir, ErrInUse)
	}
	if s.ns, err = server.NewServer(opts); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded NATS: %w", err), s.lock.Unlock())
	}
	s.ns.SetLoggerV2(s.log, false, false, false)
	started := make(chan struct{})
	go func() { defer close(started); s.ns.Start() }()
	if err := s.awaitStart(ctx, started); err != nil {
		return nil, fmt.Errorf("embedded NATS did not start on %s: %w", addr, err)
	}
	return s, nil
}

func options(dir, addr string) (*server.Options, error) {
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
	return &server.Options{
		Host: host, Port: port,
		JetStream: true, StoreDir: dir,
		NoSigs: true, NoLog: true,
	}, nil
}

// awaitStart waits until the server serves, has given up, or shall not any more.
func (s *Server) awaitStart(ctx context.Context, started <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var why error
	select {
	case <-ctx.Done():
		go func() { <-started; _ = s.end() }()
		return ctx.Err()
	case why = <-s.log.fatal:
	case <-started:
		select {
		case why = <-s.log.fatal:
		default:
			if s.ns.ReadyForConnections(startTimeout) && s.ns.JetStreamEnabled() {
				return nil
			}
			why = s.log.last()
		}
	}
	<-started
	return errors.Join(why, s.end())
}

// end shuts the server down, waits until its files are closed, and frees the directory.
func (s *Server) end() error {
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
	if err := s.lock.Unlock(); err != nil {
		return fmt.Errorf("embedded NATS: unlocking its directory: %w", err)
	}
	return nil
}

// URL is what clients connect to.
func (s *Server) URL() string { return s.ns.ClientURL() }

// Addr is the address that the server listens on; starting another server with
// it after Stop gives clients their server back.
func (s *Server) Addr() string { return s.ns.Addr().String() }

// Alive is nil while the server can serve. A server that has switched JetStream off, as
// it does when it cannot write to its disk, does not switch it on again.
func (s *Server) Alive() error {
	if s.ns.Running() && s.ns.JetStreamEnabled() {
		return nil
	}
	return fmt.Errorf("the embedded NATS server stores nothing any more: %w", s.log.last())
}

// Stop shuts the server down and waits until its files are closed.
func (s *Server) Stop(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.end() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errors.Join(errors.New("embedded NATS did not stop in time"), ctx.Err())
	}
}
