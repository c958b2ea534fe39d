package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
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
	demoInspector = "1001"
	demoPassword  = "demo"
	demoTimeout   = 5 * time.Minute
)

type demoCommand struct {
	Agents int  `default:"24" help:"Size of the shift, 6 to 10000."`
	Keep   bool `help:"Go on running afterwards, for send and watch from a second terminal."`
	settings.Log
}

// demo is a whole installation in this process.
type demo struct {
	prefix  messages.Prefix
	nats    *embedded.Server
	nc      *nats.Conn
	sim     *sim.Gateway
	gateway *sim.Server
	worker  *worker.Worker
	client  *client.Client
}

func (c *demoCommand) Run(ctx context.Context, std console.IO) error {
	if c.Agents < 6 || c.Agents > 10_000 {
		return exit.Misused(fmt.Errorf("--agents %d: must be 6-10000", c.Agents))
	}
	log, err := c.Logger(std.Err)
	if err != nil {
		return err
	}
	if c.LogLevel == "info" {
		// The results are the show; a log of each would only repeat them.
		log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	dir, err := os.MkdirTemp("", "forcelogout-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := startDemo(ctx, dir, log)
	if err != nil {
		return err
	}
	defer d.close(ctx)
	fmt.Fprintf(std.Out, "NATS with JetStream  %s\nsimulated gateway    %s\n\n", d.nats.URL(), d.gateway.URL)

	working, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { d.worker.Run(working) })
	err = d.shiftEnd(ctx, c.Agents, std)
	if err == nil && c.Keep {
		d.keep(ctx, std)
	}
	stop()
	running.Wait()
	return err
}

// startDemo brings up everything but the worker's work.
func startDemo(ctx context.Context, dir string, log *slog.Logger) (d *demo, err error) {
	d = &demo{prefix: messages.DefaultPrefix, sim: sim.New(sim.Config{})}
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
	if err := setUp(ctx, d.nc, streams.API{}, streams.Plan{Prefix: d.prefix}, log); err != nil {
		return d, err
	}
	if d.client, err = client.New(d.nc, d.prefix); err != nil {
		return d, err
	}
	d.sim.SetAccount(demoInspector, sim.Account{Password: demoPassword})
	d.sim.SetFaults(sim.Faults{Latency: 40 * time.Millisecond})
	if d.gateway, err = sim.Listen(d.sim, "127.0.0.1:0", true); err != nil {
		return d, err
	}
	d.worker, err = d.newWorker(ctx, dir, log)
	return d, err
}

func (d *demo) newWorker(ctx context.Context, dir string, log *slog.Logger) (*worker.Worker, error) {
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
		Inspectors: []session.Account{{Inspector: demoInspector, Password: demoPassword}},
		Retry:      worker.Retry{Initial: 300 * time.Millisecond, Max: 2 * time.Second},
		Log:        log,
		Metrics:    admin.NewMetrics(messages.DefaultVCC),
	})
}

// shiftEnd signs the agents out and shows how each command ended.
func (d *demo) shiftEnd(ctx context.Context, agents int, std console.IO) error {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
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
func (d *demo) keep(ctx context.Context, std console.IO) {
	fmt.Fprintf(std.Out, `
Still running. From a second terminal:

  export NATS_URL=%s
  go run ./cmd/forcelogout watch --since 1h
  go run ./cmd/forcelogout send 40001 40002 --wait

Ctrl-C ends it.
`, d.nats.URL())
	<-ctx.Done()
}

func (d *demo) close(ctx context.Context) {
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
