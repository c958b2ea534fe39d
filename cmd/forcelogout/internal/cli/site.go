package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// site is everything that runs in a worker's process.
type site struct {
	server  *embedded.Server // nil without
	nc      *nats.Conn
	workers []*worker.Worker
	admin   *admin.Server
}

// open makes it all ready to run. What there is in spite of an error is to be closed.
func (c *workerCommand) open(ctx context.Context, configs []worker.Config, log *slog.Logger) (s *site, err error) {
	s = &site{}
	if c.EmbeddedNATS != "" {
		if s.server, err = embedded.StartContext(ctx, c.EmbeddedNATS, c.EmbeddedNATSListen); err != nil {
			return s, err
		}
		c.NATS, c.Context = s.server.URL(), ""
	}
	// Nothing is buffered over an outage: an acknowledgement that arrives late
	// would speak for a command that is somebody else's by then.
	var api streams.API
	if s.nc, api, err = c.ConnectUntil(ctx, "worker "+configs[0].Instance, log, nats.ReconnectBufSize(-1)); err != nil {
		return s, err
	}
	for i := range configs {
		configs[i].API = api
	}
	err = untilAnswered(ctx, log, func() (err error) {
		if err = c.setUp(ctx, s.nc, configs, log); err == nil {
			s.workers, err = newWorkers(ctx, s.nc, configs)
		}
		return err
	})
	if err != nil {
		return s, err
	}
	s.admin, err = c.listen(ctx, s, configs, log)
	return s, err
}

func (s *site) close(ctx context.Context, log *slog.Logger) {
	if s.nc != nil {
		s.nc.Close()
	}
	if s.server != nil {
		stopServer(ctx, s.server, log)
	}
}

// alive is nil while the process can recover by itself.
func (s *site) alive() error {
	if s.nc.IsClosed() {
		return closedForGood(s.nc)
	}
	if s.server != nil {
		return s.server.Alive()
	}
	return nil
}

func closedForGood(nc *nats.Conn) error {
	if err := nc.LastError(); err != nil {
		return fmt.Errorf("the connection to NATS is closed for good: %w", err)
	}
	return errors.New("the connection to NATS is closed for good")
}

func (c *workerCommand) listen(ctx context.Context, s *site, configs []worker.Config, log *slog.Logger) (*admin.Server, error) {
	vccs := make([]admin.VCC, len(s.workers))
	for i, w := range s.workers {
		cfg := configs[i]
		cfg.Metrics.Watch(cfg.VCC, w.Gauges)
		vccs[i] = admin.VCC{Name: cfg.VCC, Metrics: cfg.Metrics, Ready: w.Ready, Degraded: w.Degraded, Alive: s.alive}
	}
	server, err := admin.Listen(c.Listen, vccs, c.Pprof, log)
	if err != nil {
		return nil, err
	}
	log.LogAttrs(ctx, slog.LevelInfo, "admin HTTP", slog.String("addr", server.Addr()))
	return server, nil
}

// run runs a worker for each VCC, and their admin HTTP, until the context ends, or
// nothing can go on any more.
func (s *site) run(ctx context.Context) error {
	closed := s.nc.StatusChanged(nats.CLOSED)
	defer s.nc.RemoveStatusListener(closed)
	if s.nc.IsClosed() {
		return closedForGood(s.nc)
	}
	group, failed := errgroup.WithContext(ctx)
	// Health and metrics stay up while the workers drain.
	drained, done := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { return s.admin.Run(drained) })
	group.Go(func() error {
		select {
		case <-closed:
			return closedForGood(s.nc)
		case <-drained.Done():
			return nil
		}
	})
	group.Go(func() error {
		defer done()
		var running sync.WaitGroup
		for _, w := range s.workers {
			running.Go(func() { w.Run(failed) })
		}
		running.Wait()
		return nil
	})
	return group.Wait()
}
