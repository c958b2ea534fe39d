package health

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// patience is how long something may fail before it is said.
	patience = 2 * time.Second
	// rarest is how seldom an obstacle may be met that is still there: what failed comes
	// again after its rest.
	rarest = time.Minute
	// tryTime bounds one try.
	tryTime = 5 * time.Second
	// tryPause is the least time between two tries while something fails.
	tryPause = 500 * time.Millisecond
)

// Obstacle is something that NATS does not do for this worker at present, such as
// storing results. However many commands meet it, the log has one line when it comes and
// one when it has gone; readiness has it meanwhile.
type Obstacle struct {
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

// Failed notes a failure, and says so where it has lasted for long enough.
func (o *Obstacle) Failed(ctx context.Context, err error) {
	now := time.Now()
	o.mu.Lock()
	if o.since.IsZero() {
		o.since = now
	}
	o.last, o.failure = now, err
	say := !o.said && now.Sub(o.since) >= patience
	o.said = o.said || say
	o.mu.Unlock()
	if say {
		o.log.LogAttrs(ctx, slog.LevelError, o.here, slog.String("vcc", o.vcc), slog.Any("error", err))
	}
}

// Worked notes a success.
func (o *Obstacle) Worked(ctx context.Context) {
	o.mu.Lock()
	said := o.forget()
	o.mu.Unlock()
	if said {
		o.log.LogAttrs(ctx, slog.LevelInfo, o.gone, slog.String("vcc", o.vcc))
	}
}

// lapse takes an obstacle for gone that nothing has met for some time: what failed is
// not there any more, and nothing else has tried.
func (o *Obstacle) lapse(ctx context.Context, after time.Duration) {
	o.mu.Lock()
	said := time.Since(o.last) > after && o.forget()
	o.mu.Unlock()
	if said {
		o.log.LogAttrs(ctx, slog.LevelInfo, o.gone, slog.String("vcc", o.vcc), slog.Duration("nothing_failed_for", after))
	}
}

// forget reports whether the log has the obstacle. Its lock is held.
func (o *Obstacle) forget() (said bool) {
	said = o.said
	o.since, o.said, o.failure = time.Time{}, false, nil
	return said
}

// Try does something once. While it fails, one at a time tries, and not often: all
// others get the failure at once.
func (o *Obstacle) Try(ctx context.Context, do func(context.Context) error) error {
	o.mu.Lock()
	if o.failure != nil && (o.trying || time.Since(o.last) < tryPause) {
		defer o.mu.Unlock()
		return o.failure
	}
	o.trying = true
	o.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	err := do(ctx)
	if err != nil {
		o.Failed(ctx, err)
	} else {
		o.Worked(ctx)
	}
	o.mu.Lock()
	o.trying = false
	o.mu.Unlock()
	return err
}

// Problem is what the log says of it, nil where it has gone.
func (o *Obstacle) Problem() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.said {
		return nil
	}
	return fmt.Errorf("%s: %w", o.here, o.failure)
}
