package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/alecthomas/kong"
	"github.com/cenkalti/backoff/v4"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/streams"
)

type workerCommand struct {
	settings.Connection
	settings.Log
	settings.PerVCC

	Config      string `placeholder:"FILE" help:"YAML file with these settings, and several VCCs under vccs."`
	CheckConfig bool   `help:"Check the settings, print what was understood, and end."`

	DrainTimeout       time.Duration `default:"25s" help:"How long calls in flight may take to end at a shutdown."`
	ResultsMaxAge      time.Duration `help:"How long results are kept (new stream: 168h; existing: unchanged)."`
	NoSetup            bool          `help:"Do not create streams; fail where one is missing."`
	Listen             string        `default:"127.0.0.1:8080" help:"Admin HTTP: /healthz, /readyz, /metrics."`
	Pprof              bool          `help:"Add /debug/pprof/ to the admin HTTP."`
	Name               string        `help:"Name of this worker in results and logs (default: host and process id)."`
	EmbeddedNATS       string        `name:"embedded-nats" placeholder:"DIR" help:"Run the NATS server in this process, with its store in DIR."`
	EmbeddedNATSListen string        `name:"embedded-nats-listen" default:"127.0.0.1:4222" help:"Address of the embedded NATS server."`

	file *settings.File // nil without --config
}

// BeforeResolve reads the configuration file before kong looks for settings that
// no flag gave.
func (c *workerCommand) BeforeResolve(ctx *kong.Context) (err error) {
	c.file, err = settings.ReadFile(ctx)
	return err
}

func (c *workerCommand) Run(ctx context.Context, std console.IO) error {
	log, err := c.Logger(std.Err)
	if err != nil {
		return err
	}
	vccs, err := c.file.VCCs(c.PerVCC)
	if err != nil {
		return exit.Misused(err)
	}
	configs, err := c.configs(vccs, log)
	if err != nil {
		return exit.Misused(err)
	}
	if c.CheckConfig {
		s := settings.Summary{File: c.file, NATS: c.Connection, Listen: c.Listen, DrainTimeout: c.DrainTimeout, VCCs: vccs, Configs: configs}
		return s.Write(std.Out)
	}
	saveCollections()
	site, err := c.open(ctx, configs, log)
	defer site.close(ctx, log)
	if err != nil && ctx.Err() != nil {
		log.LogAttrs(ctx, slog.LevelInfo, "stopped while starting")
		return nil
	}
	if err != nil {
		return err
	}
	return site.run(ctx)
}

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

// saveCollections lets the heap grow further between two garbage collections than Go
// does by itself: with a few megabytes in use it would collect a hundred times a
// second. GOGC goes before.
func saveCollections() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(350)
	}
}

// configs are the workers' configurations, one for each VCC.
func (c *workerCommand) configs(vccs []settings.PerVCC, log *slog.Logger) ([]worker.Config, error) {
	prefix, err := c.ValidPrefix()
	if err != nil {
		return nil, err
	}
	if c.DrainTimeout <= 0 {
		return nil, fmt.Errorf("--drain-timeout %v: must be above 0", c.DrainTimeout)
	}
	name := c.Name
	if name == "" {
		name = instanceName()
	}
	configs := make([]worker.Config, 0, len(vccs))
	for _, s := range vccs {
		cfg, err := s.Config(prefix, name, c.DrainTimeout, log)
		if err != nil && len(vccs) > 1 {
			err = fmt.Errorf("vcc %s: %w", s.VCC, err)
		}
		if err != nil {
			return nil, err
		}
		configs = append(configs, cfg)
	}
	return configs, nil
}

// setUp makes the streams that are missing, unless somebody else does.
func (c *workerCommand) setUp(ctx context.Context, nc *nats.Conn, configs []worker.Config, log *slog.Logger) error {
	if c.NoSetup {
		return nil
	}
	plan := streams.Plan{Prefix: configs[0].Prefix, ResultsMaxAge: c.ResultsMaxAge}
	for _, cfg := range configs {
		plan.MaxAge = max(plan.MaxAge, cfg.MaxAge)
	}
	return setUp(ctx, nc, configs[0].API, plan, log)
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

// untilAnswered repeats a step of the start that failed because JetStream does not answer,
// as while its servers elect a leader: whoever starts a worker at that moment need not
// start it again.
func untilAnswered(ctx context.Context, log *slog.Logger, step func() error) error {
	pauses := backoff.NewExponentialBackOff(backoff.WithInitialInterval(time.Second), backoff.WithMaxInterval(10*time.Second), backoff.WithMaxElapsedTime(0))
	return backoff.RetryNotify(func() error {
		err := step()
		if err != nil && !streams.IsPassing(err) {
			return backoff.Permanent(err)
		}
		return err
	}, backoff.WithContext(pauses, ctx), func(err error, wait time.Duration) {
		log.LogAttrs(ctx, slog.LevelWarn, "JetStream does not answer yet, still starting", slog.Any("error", err), slog.Duration("retry_in", wait))
	})
}

func newWorkers(ctx context.Context, nc *nats.Conn, configs []worker.Config) ([]*worker.Worker, error) {
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	workers := make([]*worker.Worker, len(configs))
	for i, cfg := range configs {
		w, err := worker.New(ctx, nc, cfg)
		if err != nil {
			return nil, err
		}
		workers[i] = w
	}
	return workers, nil
}

func setUp(ctx context.Context, nc *nats.Conn, api streams.API, plan streams.Plan, log *slog.Logger) error {
	js, err := api.JetStream(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	changes, err := streams.Setup(ctx, js, plan)
	for _, change := range changes {
		log.LogAttrs(ctx, slog.LevelInfo, "set up", slog.String("object", change.Object), slog.String("action", change.Action))
	}
	return err
}

func stopServer(ctx context.Context, server *embedded.Server, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), setupTimeout)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		log.LogAttrs(ctx, slog.LevelError, "embedded NATS", slog.Any("error", err))
	}
}

// instanceName tells workers apart in results and logs.
func instanceName() string {
	host, err := os.Hostname()
	if err != nil {
		host = filepath.Base(os.Args[0])
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}
