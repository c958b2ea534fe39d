package health

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestObstacleTellsOneStory: the log has said that an obstacle is here as long as
// readiness has it, and takes it back as soon as readiness does; also of one that
// nothing meets any more, and where it comes again after that.
func TestObstacleTellsOneStory(t *testing.T) {
	t.Parallel()
	const ackWait = 15 * time.Second
	met := func(o *Obstacle, ctx context.Context, every time.Duration, times int) {
		for range times {
			o.Failed(ctx, errors.New("no space left"))
			time.Sleep(every)
		}
	}
	cases := map[string]struct {
		happens func(*Obstacle, context.Context)
		changes int // lines of the log
		here    bool
	}{
		"a moment":         {func(o *Obstacle, ctx context.Context) { met(o, ctx, 100*time.Millisecond, 10) }, 0, false},
		"stays":            {func(o *Obstacle, ctx context.Context) { met(o, ctx, time.Second, 120) }, 1, true},
		"seldom":           {func(o *Obstacle, ctx context.Context) { met(o, ctx, 45*time.Second, 10) }, 1, true},
		"over":             {func(o *Obstacle, ctx context.Context) { met(o, ctx, time.Second, 5); o.Worked(ctx) }, 2, false},
		"nothing meets it": {func(o *Obstacle, ctx context.Context) { met(o, ctx, time.Second, 5); time.Sleep(5 * time.Minute) }, 2, false},
		"once in a while":  {func(o *Obstacle, ctx context.Context) { met(o, ctx, 5*time.Minute, 5) }, 0, false},
		"works, not tried": {func(o *Obstacle, ctx context.Context) { o.Worked(ctx); time.Sleep(5 * time.Minute) }, 0, false},
		"forgotten, is new": {func(o *Obstacle, ctx context.Context) {
			met(o, ctx, time.Second, 5)
			time.Sleep(5 * time.Minute)
			met(o, ctx, time.Second, 5)
		}, 3, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var log bytes.Buffer
				board := NewBoard(slog.New(slog.NewTextHandler(&log, nil)), "default")
				o := board.Add("letters cannot be stored", "letters are stored again")
				watched := make(chan struct{})
				go func() { defer close(watched); board.Run(ctx, ackWait) }()
				c.happens(o, ctx)
				err := board.Problem()
				cancel()
				<-watched // the log is its, too
				lines := strings.Count(log.String(), "\n")
				here, gone := strings.Count(log.String(), "cannot be stored"), strings.Count(log.String(), "stored again")
				if lines != c.changes || here-gone != c.changes%2 {
					t.Errorf("%d lines, want %d: %s", lines, c.changes, log.String())
				}
				if (err != nil) != c.here {
					t.Errorf("readiness has %v", err)
				}
			})
		})
	}
}
