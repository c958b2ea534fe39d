package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/worker"
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

func (c *workerCommand) Run(ctx context.Context, std console.IO, p Program) error {
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
	site.admin.Describe(p.build())
	return site.run(ctx)
}

// saveCollections lets the heap grow further between two garbage collections than Go does
// by itself: with a few megabytes in use, Go would collect a hundred times a second. GOGC
// wins.
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

// instanceName tells workers apart in results and logs.
func instanceName() string {
	host, err := os.Hostname()
	if err != nil {
		host = filepath.Base(os.Args[0])
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}
