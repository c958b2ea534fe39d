package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// patience is how long something may fail before it is said.
	patience = 2 * time.Second
	// forgotten is how old a failure is that nothing has repeated: whatever failed is
	// not there any more.
	forgotten = 2 * longestInvalidRest
	// tryPause is the least time between two tries while something fails.
	tryPause = 500 * time.Millisecond
)

// obstacle is something that NATS does not do for this worker at present, such as
// storing results. However many commands meet it, the log has one line when it comes and
// one when it has gone; readiness has it meanwhile.
type obstacle struct {
	log        *slog.Logger
	vcc        string
	here, gone string // what is said of it

	mu      sync.Mutex
	since   time.Time // of the first failure after the last success; zero for none
	last    time.Time
	failure error
	said    bool
	trying  bool
}

func newObstacle(log *slog.Logger, vcc, here, gone string) *obstacle {
	return &obstacle{log: log, vcc: vcc, here: here, gone: gone}
}

// failed notes a failure, and says so where it has lasted for long enough.
func (o *obstacle) failed(ctx context.Context, err error) {
	now := time.Now()
	o.mu.Lock()
	if o.since.IsZero() || now.Sub(o.last) > forgotten {
		o.since, o.said = now, false
	}
	o.last, o.failure = now, err
	say := !o.said && now.Sub(o.since) >= patience
	o.said = o.said || say
	o.mu.Unlock()
	if say {
		o.log.LogAttrs(ctx, slog.LevelError, o.here, slog.String("vcc", o.vcc), slog.Any("error", err))
	}
}

// worked notes a success.
func (o *obstacle) worked(ctx context.Context) {
	o.mu.Lock()
	said := o.said
	o.since, o.said, o.failure = time.Time{}, false, nil
	o.mu.Unlock()
	if said {
		o.log.LogAttrs(ctx, slog.LevelInfo, o.gone, slog.String("vcc", o.vcc))
	}
}

// came notes what a try came to. That the command is somebody else's by now tells nothing.
func (o *obstacle) came(ctx context.Context, err error) {
	switch {
	case err == nil:
		o.worked(ctx)
	case !errors.Is(err, errLeaseLost):
		o.failed(ctx, err)
	}
}

// try does something once. While it fails, one at a time tries, and not often: all
// others get the failure at once.
func (o *obstacle) try(ctx context.Context, do func(context.Context) error) error {
	o.mu.Lock()
	if o.failure != nil && (o.trying || time.Since(o.last) < tryPause) {
		defer o.mu.Unlock()
		return o.failure
	}
	o.trying = true
	o.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := do(ctx)
	if err != nil {
		o.failed(ctx, err)
	} else {
		o.worked(ctx)
	}
	o.mu.Lock()
	o.trying = false
	o.mu.Unlock()
	return err
}

// problem is what the log says of it, nil where it has gone.
func (o *obstacle) problem() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.said || time.Since(o.last) > forgotten {
		return nil
	}
	return fmt.Errorf("%s: %w", o.here, o.failure)
}
