package execute

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/health"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/outage"
	"github.com/forcelogout/forcelogout/worker/pace"
	"github.com/forcelogout/forcelogout/worker/protect"
	"github.com/forcelogout/forcelogout/worker/record"
	"github.com/forcelogout/forcelogout/worker/session"
)

// Config is what an Executor needs; all of it is required, but Rate, Pace and Protected.
type Config struct {
	Process    string // this process, in claims
	AckWait    time.Duration
	Policy     job.Policy
	Rate       float64    // calls per second, 0 for no limit
	Pace       *pace.Pace // of all workers
	Protected  *protect.List
	Classifier *job.Classifier
	Gateway    *gateway.Client
	Inspectors *session.Pool
	Gate       *outage.Gate
	Commands   *record.Commands
	Book       *record.Book
	Noting     *health.Obstacle // storing notes
	LookingUp  *health.Obstacle // looking whether a command may run
	Protecting *health.Obstacle // reading who is protected
	Draining   <-chan struct{}  // closed when the worker shall end
	Log        *slog.Logger
	Metrics    *admin.Metrics
}

// Executor takes admitted commands to their ends. It is safe for concurrent use.
type Executor struct {
	Config
	limiter *rate.Limiter // nil without a limit
}

// ReadProtected keeps the list of protected agents up to date until the context ends.
func (e *Executor) ReadProtected(ctx context.Context) { e.Protected.Run(ctx, e.Protecting) }

// New returns an executor; its commands are executed by Run.
func New(c Config) *Executor {
	e := &Executor{Config: c}
	if c.Rate > 0 {
		e.limiter = rate.NewLimiter(rate.Limit(c.Rate), max(1, int(c.Rate)))
	}
	return e
}
