package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/feed"
	"github.com/forcelogout/forcelogout/worker/shift"
)

type feedCommand struct {
	clientFlags
	tableFlags
	Dir         string        `required:"" placeholder:"DIR" help:"The folder. Files end in its done/ or bad/."`
	Replace     string        `default:"dates" placeholder:"SCOPE" help:"What a file speaks for: dates for its days, NAME=VALUE for that meta entry, or both with a comma."`
	MaxWithdraw string        `placeholder:"PERCENT" help:"A file that would withdraw more than this is bad, for example 20% (default: 50%, and never fewer than 5)."`
	Meta        []string      `placeholder:"COLUMN" help:"Columns that go along in the commands' meta, and so into the results."`
	VCC         string        `name:"vcc" default:"default" help:"Virtual contact center."`
	TZ          string        `name:"tz" placeholder:"ZONE" help:"Time zone of times, for example Europe/Madrid (default: this machine's)."`
	ExpiresIn   shift.Span    `placeholder:"DURATION" help:"Do not execute later than this after its time (default: 15m)."`
	Reason      string        `help:"Audit text, for example shift-end."`
	RequestedBy string        `help:"Who asks."`
	Inspector   string        `placeholder:"WORKNO" help:"Only this inspector may do it."`
	Settle      time.Duration `default:"5s" help:"A file that has not changed for so long is complete."`
	Poll        time.Duration `default:"1s" help:"Time between two looks at the folder."`
	Timeout     shift.Span    `default:"2m" help:"How long to go on where NATS does not answer; then the file waits and is tried again."`
	Once        bool          `help:"End when the folder has no file left."`
	Listen      string        `placeholder:"ADDRESS" help:"Answer /healthz and /metrics there."`
}

func (c *feedCommand) Run(ctx context.Context, std console.IO) error {
	if err := c.check(); err != nil {
		return exit.Misused(err)
	}
	log, err := c.Logger(std.Err)
	if err != nil {
		return err
	}
	metrics := feed.NewMetrics()
	listener, err := c.listen()
	if err != nil {
		return err
	}
	cl, closeAll, err := c.open("feed", std)
	if err != nil {
		return errors.Join(err, closed(listener))
	}
	defer closeAll()
	folder, err := feed.New(feed.Config{
		Dir: c.Dir, Settle: c.Settle, Poll: c.Poll, Log: log, Metrics: metrics,
		Handle: func(ctx context.Context, file string, report io.Writer) (feed.Outcome, error) {
			return c.handle(ctx, cl, metrics, file, report)
		},
	})
	if err != nil {
		return errors.Join(exit.Misused(fmt.Errorf("--dir: %w", err)), closed(listener))
	}
	group, groupCtx := errgroup.WithContext(ctx)
	groupCtx, stop := context.WithCancel(groupCtx)
	group.Go(func() error {
		defer stop()
		return folder.Run(groupCtx, c.Once)
	})
	if listener != nil {
		group.Go(func() error { return serveFeed(groupCtx, listener, metrics, log) })
	}
	err = group.Wait()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil // it was told to end, and what it had taken is taken up at the next start
	}
	return err
}

// check finds at the start what would make every file bad.
func (c *feedCommand) check() error {
	flags := replaceFlags{Replace: c.Replace, MaxWithdraw: c.MaxWithdraw}
	_, scope := flags.scope()
	_, brake := flags.brake()
	_, defaults := c.send("some").defaults(time.Now())
	problems := []error{scope, brake, defaults}
	if c.Settle <= 0 || c.Poll <= 0 {
		problems = append(problems, errors.New("--settle and --poll: must be above 0"))
	}
	return errors.Join(problems...)
}

// send is the command that hands one file in.
func (c *feedCommand) send(file string) *sendCommand {
	return &sendCommand{
		tableFlags: c.tableFlags, Meta: c.Meta,
		replaceFlags: replaceFlags{Replace: c.Replace, MaxWithdraw: c.MaxWithdraw},
		File:         file, VCC: c.VCC, TZ: c.TZ, ExpiresIn: c.ExpiresIn, Reason: c.Reason, RequestedBy: c.RequestedBy, Inspector: c.Inspector, Timeout: c.Timeout,
	}
}

// handle hands one file in. A file that cannot be taken as it is is bad; where NATS was
// away, it is handled again.
func (c *feedCommand) handle(ctx context.Context, cl *client.Client, metrics *feed.Metrics, file string, report io.Writer) (feed.Outcome, error) {
	send := c.send(file)
	std := console.IO{Out: report, Err: report}
	defaults, err := send.defaults(time.Now())
	if err != nil {
		return feed.Bad, err
	}
	defaults.Late = true
	fmt.Fprintf(report, "%s, --replace %s\n", time.Now().In(defaults.Loc).Format(time.RFC3339), c.Replace)
	all, err := send.replacements(defaults, std)
	if err != nil {
		return feed.Bad, err
	}
	r := &replacing{cl: cl, std: std, loc: defaults.Loc, counts: map[client.Kind]int{}}
	err = r.run(ctx, all, false)
	var coded *exit.Error
	switch {
	case errors.As(err, &coded) && coded.Code == exit.Usage:
		return feed.Bad, err
	case err != nil && !errors.Is(err, errQuiet):
		return feed.Later, explained(err)
	}
	for kind, n := range r.counts {
		metrics.Changed(string(kind), n)
	}
	if err != nil {
		return feed.Done, fmt.Errorf("%d too late, %d undecided: see the report", r.counts[client.Late], r.counts[client.Unsure])
	}
	return feed.Done, nil
}

func (c *feedCommand) listen() (net.Listener, error) {
	if c.Listen == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("%w (choose another address with --listen)", err)
	}
	return listener, nil
}

func closed(listener net.Listener) error {
	if listener == nil {
		return nil
	}
	return listener.Close()
}

// serveFeed answers over HTTP until the context ends.
func serveFeed(ctx context.Context, listener net.Listener, metrics *feed.Metrics, log *slog.Logger) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("GET /metrics", metrics.Handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		_ = server.Close()
	}()
	err := server.Serve(listener)
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("answering over HTTP: %w", err)
}
