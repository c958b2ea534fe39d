// Package demo shows all of forcelogout in one process: NATS, a simulated gateway, a worker
// and the end of a small shift.
package demo

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
	"github.com/forcelogout/forcelogout/worker/streams"
)

const (
	inspector    = "1001"
	password     = "demo"
	timeout      = 5 * time.Minute
	setupTimeout = 30 * time.Second
)

// Options are what there is to choose.
type Options struct {
	Agents int  // size of the shift, 6 or more
	Keep   bool // go on running afterwards
	Log    *slog.Logger
}

// installation is a whole installation in this process.
type installation struct {
	prefix  messages.Prefix
	nats    *embedded.Server
	nc      *nats.Conn
	sim     *sim.Gateway
	gateway *sim.Server
	worker  *worker.Worker
	client  *client.Client
}

// Run shows the end of a shift.
func Run(ctx context.Context, opts Options, std console.IO) error {
	dir, err := os.MkdirTemp("", "forcelogout-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := start(ctx, dir, opts.Log)
	if err != nil {
		return err
	}
	defer d.close(ctx)
	fmt.Fprintf(std.Out, "NATS with JetStream  %s\nsimulated gateway    %s\n\n", d.nats.URL(), d.gateway.URL)

	working, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { d.worker.Run(working) })
	err = d.shiftEnd(ctx, opts.Agents, std)
	if err == nil && opts.Keep {
		d.keep(ctx, std)
	}
	stop()
	running.Wait()
	return err
}

// start brings up everything but the worker's work.
func start(ctx context.Context, dir string, log *slog.Logger) (d *installation, err error) {
	d = &installation{prefix: messages.DefaultPrefix, sim: sim.New(sim.Config{})}
	defer func() {
		if err != nil {
			d.close(ctx)
		}
	}()
	if d.nats, err = embedded.Start(dir, "127.0.0.1:0"); err != nil {
		return d, err
	}
	flags := settings.Connection{NATS: d.nats.URL()}
	if d.nc, _, err = flags.Connect("demo", log); err != nil {
		return d, err
	}
	if err := d.setUp(ctx, log); err != nil {
		return d, err
	}
	if d.client, err = client.New(d.nc, d.prefix); err != nil {
		return d, err
	}
	d.sim.SetAccount(inspector, sim.Account{Password: password})
	d.sim.SetFaults(sim.Faults{Latency: 40 * time.Millisecond})
	if d.gateway, err = sim.Listen(d.sim, "127.0.0.1:0", true); err != nil {
		return d, err
	}
	d.worker, err = d.newWorker(ctx, dir, log)
	return d, err
}

func (d *installation) setUp(ctx context.Context, log *slog.Logger) error {
	js, err := jetstream.New(d.nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	changes, err := streams.Setup(ctx, js, streams.Plan{Prefix: d.prefix})
	for _, change := range changes {
		log.LogAttrs(ctx, slog.LevelInfo, "set up", slog.String("object", change.Object), slog.String("action", change.Action))
	}
	return err
}

func (d *installation) newWorker(ctx context.Context, dir string, log *slog.Logger) (*worker.Worker, error) {
	ca := dir + "/gateway-ca.pem"
	if err := os.WriteFile(ca, d.gateway.CAPEM, 0o600); err != nil {
		return nil, err
	}
	gw, err := gateway.NewClient(gateway.Options{URL: d.gateway.URL, TLS: gateway.TLSFiles{CA: ca}})
	if err != nil {
		return nil, err
	}
	return worker.New(ctx, d.nc, worker.Config{
		Prefix: d.prefix, VCC: messages.DefaultVCC, Instance: "demo", Gateway: gw,
		Inspectors: []session.Account{{Inspector: inspector, Password: password}},
		Retry:      worker.Retry{Initial: 300 * time.Millisecond, Max: 2 * time.Second},
		Log:        log,
		Metrics:    admin.NewMetrics(messages.DefaultVCC),
	})
}

// shiftEnd signs the agents out and shows how each command ended.
func (d *installation) shiftEnd(ctx context.Context, agents int, std console.IO) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	feed, err := d.client.Results(ctx, client.Filter{})
	if err != nil {
		return err
	}
	defer feed.Close()
	story := newStory(agents, time.Now())
	story.prepare(d.sim)
	fmt.Fprintf(std.Out, "18:00, end of shift: %d agents shall be signed out\n\n", agents)
	begin := time.Now()
	if err := d.client.Submit(ctx, messages.DefaultVCC, story.orders); err != nil {
		return err
	}
	if err := d.nc.Publish(d.prefix.Commands(messages.DefaultVCC), story.misspelt); err != nil {
		return err
	}
	show := console.NewBoard(std, agents)
	if err := collect(ctx, feed, append(story.orders, story.invalid), show); err != nil {
		return err
	}
	show.Summary(time.Since(begin), nil)
	return nil
}

// keep goes on until the user ends it.
func (d *installation) keep(ctx context.Context, std console.IO) {
	fmt.Fprintf(std.Out, `
Still running. From a second terminal:

  export NATS_URL=%s
  go run ./cmd/forcelogout watch --since 1h
  go run ./cmd/forcelogout send 40001 40002 --wait

Ctrl-C ends it.
`, d.nats.URL())
	<-ctx.Done()
}

func (d *installation) close(ctx context.Context) {
	if d.nc != nil {
		d.nc.Close()
	}
	if d.gateway != nil {
		_ = d.gateway.Close()
	}
	if d.nats != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), setupTimeout)
		defer cancel()
		_ = d.nats.Stop(ctx)
	}
}

// collect shows results until each of the commands has one.
func collect(ctx context.Context, feed *client.Results, orders []messages.Command, show *console.Board) error {
	open := make(map[string]bool, len(orders))
	for _, order := range orders {
		open[order.ID] = true
	}
	for len(open) > 0 {
		result, _, err := feed.Next(ctx)
		if err != nil {
			return fmt.Errorf("%d commands have no result: %w", len(open), err)
		}
		if open[result.ID] {
			delete(open, result.ID)
			show.Add(result)
		}
	}
	return nil
}
