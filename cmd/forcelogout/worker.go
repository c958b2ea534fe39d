package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/embedded"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/session"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// guidVariable holds the GUID where no --guid-file is given. It has no flag: ps
// shows flags to everybody.
const (
	guidVariable     = "FORCELOGOUT_GUID"
	passwordVariable = "FORCELOGOUT_PASSWORD"
)

type workerCommand struct {
	natsFlags
	logFlags

	VCC       string `name:"vcc" default:"default" help:"Virtual contact center whose commands are executed."`
	Gateway   string `required:"" placeholder:"URL" help:"The CC-Gateway, for example https://10.1.2.3:8043."`
	Inspector string `required:"" placeholder:"WORKNO" help:"The signed-in inspector, 101-999999."`
	GUIDFile  string `name:"guid-file" placeholder:"FILE" help:"File with the inspector's GUID; read again when it changes. Or set FORCELOGOUT_GUID."`

	PasswordFile string `placeholder:"FILE" help:"File with the inspector's password: the worker signs in. Or set FORCELOGOUT_PASSWORD."`
	Session      string `enum:"kv," default:"" placeholder:"kv" help:"kv: another program keeps the GUID in the sessions bucket."`
	Phone        string `help:"The inspector's phone number, where a sign-in needs one."`
	SignIn       string `enum:"plain,platform" default:"plain" help:"plain, or platform: without a media licence."`
	ForceSignIn  bool   `help:"Sign in although somebody else is signed in as the inspector, and evict them."`

	GatewayCA   string `name:"gateway-ca" placeholder:"FILE" help:"CA of the gateway's certificate."`
	GatewayCert string `placeholder:"FILE" help:"Client certificate for the gateway."`
	GatewayKey  string `placeholder:"FILE" help:"Key of the client certificate."`

	Concurrency  int               `default:"64" help:"Calls in flight."`
	Rate         float64           `help:"Calls per second; 0 for no limit."`
	CallTimeout  time.Duration     `default:"10s" help:"Longest time of one call; below the consumer's ack_wait of 15s."`
	MaxAge       time.Duration     `default:"15m" help:"How late a command without expiresAt may be executed."`
	MaxAttempts  int               `default:"8" help:"Calls for one command before it fails."`
	RetryInitial time.Duration     `default:"500ms" help:"Wait after the first failed call; doubles, half of it random."`
	RetryMax     time.Duration     `default:"30s" help:"Longest wait between calls."`
	Retcodes     map[string]string `placeholder:"CODE=CLASS" help:"Change a retcode's class: transient, session or permanent."`
	AllowReply   []string          `default:"_INBOX.>,forcelogout.replies.>" help:"Subjects that replyTo may name."`
	DrainTimeout time.Duration     `default:"25s" help:"How long calls in flight may take to end at a shutdown."`

	ResultsMaxAge      time.Duration `help:"How long results are kept (new stream: 168h; existing: unchanged)."`
	NoSetup            bool          `help:"Do not create streams; fail where one is missing."`
	Listen             string        `default:"127.0.0.1:8080" help:"Admin HTTP: /healthz, /readyz, /metrics."`
	Name               string        `help:"Name of this worker in results and logs (default: host and process id)."`
	EmbeddedNATS       string        `name:"embedded-nats" placeholder:"DIR" help:"Run the NATS server in this process, with its store in DIR."`
	EmbeddedNATSListen string        `name:"embedded-nats-listen" default:"127.0.0.1:4222" help:"Address of the embedded NATS server."`
}

func (c *workerCommand) Run(ctx context.Context, std streamsIO) error {
	log, err := c.logger(std.err)
	if err != nil {
		return err
	}
	cfg, err := c.config(log)
	if err != nil {
		return usage(err)
	}
	if c.EmbeddedNATS != "" {
		server, err := embedded.Start(c.EmbeddedNATS, c.EmbeddedNATSListen)
		if err != nil {
			return err
		}
		defer stopServer(ctx, server, log)
		c.NATS, c.Context = server.URL(), ""
	}
	// Nothing is buffered over an outage: an acknowledgement that arrives late
	// would speak for a command that is somebody else's by then.
	nc, err := c.connect("worker "+cfg.Instance, log, nats.ReconnectBufSize(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	return c.serve(ctx, nc, cfg, log)
}

// serve runs the worker and its admin HTTP until the context ends.
func (c *workerCommand) serve(ctx context.Context, nc *nats.Conn, cfg worker.Config, log *slog.Logger) error {
	if !c.NoSetup {
		plan := streams.Plan{Prefix: cfg.Prefix, MaxAge: cfg.MaxAge, ResultsMaxAge: c.ResultsMaxAge}
		if err := setUp(ctx, nc, plan, log); err != nil {
			return err
		}
	}
	starting, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	w, err := worker.New(starting, nc, cfg)
	if err != nil {
		return err
	}
	cfg.Metrics.Watch(cfg.VCC, w.Gauges)
	server, err := admin.Listen(c.Listen, cfg.Metrics, w.Ready, log)
	if err != nil {
		return err
	}
	log.LogAttrs(ctx, slog.LevelInfo, "admin HTTP", slog.String("addr", server.Addr()))
	group, failed := errgroup.WithContext(ctx)
	// Health and metrics stay up while the worker drains.
	drained, done := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { return server.Run(drained) })
	group.Go(func() error { defer done(); w.Run(failed); return nil })
	return group.Wait()
}

func setUp(ctx context.Context, nc *nats.Conn, plan streams.Plan, log *slog.Logger) error {
	js, err := jetstream.New(nc)
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

// config checks the flags and turns them into the worker's configuration.
func (c *workerCommand) config(log *slog.Logger) (worker.Config, error) {
	prefix, err := c.prefix()
	if err != nil {
		return worker.Config{}, err
	}
	if err := errors.Join(named("vcc", messages.ValidateVCC(c.VCC)), named("inspector", messages.ValidateWorkNo(c.Inspector)), c.checkNumbers()); err != nil {
		return worker.Config{}, err
	}
	client, err := gateway.NewClient(gateway.Options{
		URL: c.Gateway, Conns: c.Concurrency, Log: log,
		TLS: gateway.TLSFiles{CA: c.GatewayCA, Cert: c.GatewayCert, Key: c.GatewayKey},
	})
	if err != nil {
		return worker.Config{}, err
	}
	account := c.account()
	if err := account.Validate(); err != nil {
		return worker.Config{}, err
	}
	name := c.Name
	if name == "" {
		name = instanceName()
	}
	classes := make(map[string]worker.Class, len(c.Retcodes))
	for code, class := range c.Retcodes {
		classes[code] = worker.Class(class)
	}
	return worker.Config{
		Prefix: prefix, VCC: c.VCC, Instance: name, Gateway: client, Inspectors: []session.Account{account},
		Concurrency: c.Concurrency, Rate: c.Rate, MaxAge: c.MaxAge,
		CallTimeout: c.CallTimeout, DrainTimeout: c.DrainTimeout,
		Retry:      worker.Retry{MaxAttempts: c.MaxAttempts, Initial: c.RetryInitial, Max: c.RetryMax},
		AllowReply: c.AllowReply, Retcodes: classes,
		Log: log, Metrics: admin.NewMetrics(c.VCC),
	}, nil
}

func (c *workerCommand) checkNumbers() error {
	switch {
	case c.Concurrency < 1 || c.Concurrency > 4096:
		return fmt.Errorf("--concurrency %d: must be 1-4096", c.Concurrency)
	case c.Rate < 0:
		return fmt.Errorf("--rate %v: must be 0 (no limit) or more", c.Rate)
	case c.MaxAttempts < 1:
		return fmt.Errorf("--max-attempts %d: must be 1 or more", c.MaxAttempts)
	case c.CallTimeout <= 0 || c.MaxAge <= 0 || c.RetryInitial <= 0 || c.DrainTimeout <= 0:
		return errors.New("--call-timeout, --max-age, --retry-initial and --drain-timeout must be above 0")
	case c.RetryMax < c.RetryInitial:
		return fmt.Errorf("--retry-max %v: must not be below --retry-initial %v", c.RetryMax, c.RetryInitial)
	}
	return nil
}

// account is where the inspector's session comes from.
func (c *workerCommand) account() session.Account {
	a := session.Account{
		Inspector: c.Inspector, GUIDFile: c.GUIDFile, PasswordFile: c.PasswordFile, Shared: c.Session == "kv",
		Phone: c.Phone, Platform: c.SignIn == "platform", Force: c.ForceSignIn,
	}
	switch {
	case a.GUIDFile != "" || a.PasswordFile != "" || a.Shared:
	case os.Getenv(passwordVariable) != "":
		a.Password = os.Getenv(passwordVariable)
	default:
		a.GUID = os.Getenv(guidVariable)
	}
	return a
}

// named says which flag an invalid value came from.
func named(flag string, err error) error {
	var invalid *messages.InvalidError
	if errors.As(err, &invalid) {
		return fmt.Errorf("--%s %s", flag, invalid.Problem)
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
