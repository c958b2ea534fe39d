// Package feed takes the files that another program drops into a folder, one after the
// other and the oldest first, so that the newest is the last that counts.
//
// A file counts when it has stopped growing. It is taken by a rename into work/, and ends
// in done/ or bad/, with what was said about it. What a feeder had taken when it was
// stopped is taken up by the next one, so handling a file twice must be the same as once.
// One feeder at a time works on a folder, and others stand by: two of them could hand an
// old file in after a new one.
package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/gofrs/flock"
)

// Outcome is what becomes of a file.
type Outcome string

// The outcomes.
const (
	Done  Outcome = "done"
	Bad   Outcome = "bad"   // it cannot be taken as it is
	Later Outcome = "later" // it is to be handled again: NATS was away
)

// Handler hands in one file, and writes what became of it. The error is of a file that is
// not done.
type Handler func(ctx context.Context, file string, report io.Writer) (Outcome, error)

// Config is what a Folder needs.
type Config struct {
	Dir     string
	Settle  time.Duration // a file that has not changed for so long is complete
	Poll    time.Duration // between two looks at the folder
	Handle  Handler
	Log     *slog.Logger
	Metrics *Metrics
}

const (
	workDir, doneDir, badDir = "work", "done", "bad"

	// longestPause bounds the time between two tries with a file.
	longestPause = time.Minute
)

// Folder is a folder that files are dropped into.
type Folder struct {
	Config
	growing growing
	lock    *flock.Flock
}

// New makes the folders that are missing.
func New(config Config) (*Folder, error) {
	if info, err := os.Stat(config.Dir); err != nil {
		return nil, fmt.Errorf("the folder: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder", config.Dir)
	}
	for _, name := range []string{workDir, doneDir, badDir} {
		if err := os.MkdirAll(filepath.Join(config.Dir, name), 0o755); err != nil {
			return nil, fmt.Errorf("making folders: %w", err)
		}
	}
	return &Folder{Config: config, growing: growing{}, lock: flock.New(filepath.Join(config.Dir, ".forcelogout.lock"))}, nil
}

// Run takes files until the context ends; with once, until none is left. It waits while
// another feeder has the folder.
func (f *Folder) Run(ctx context.Context, once bool) error {
	if err := f.own(ctx); err != nil {
		return err
	}
	defer func() { _ = f.lock.Unlock() }()
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(f.Poll), backoff.WithMaxInterval(longestPause), backoff.WithMaxElapsedTime(0))
	for ctx.Err() == nil {
		left, err := f.pass(ctx)
		wait := f.Poll
		switch {
		case err != nil && ctx.Err() == nil:
			f.Log.LogAttrs(ctx, slog.LevelWarn, "files wait", slog.String("error", err.Error()))
			wait = pause.NextBackOff()
		case err == nil && left == 0 && once:
			return nil
		default:
			pause.Reset()
		}
		sleep(ctx, wait)
	}
	return ctx.Err()
}

// own waits until no other feeder has the folder.
func (f *Folder) own(ctx context.Context) error {
	for told := false; ; told = true {
		switch mine, err := f.lock.TryLock(); {
		case err != nil:
			return fmt.Errorf("locking the folder: %w", err)
		case mine:
			return nil
		case !told:
			f.Log.LogAttrs(ctx, slog.LevelInfo, "another feeder has the folder, this one stands by", slog.String("dir", f.Dir))
		}
		if sleep(ctx, f.Poll); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// pass handles what was taken and not finished, and then what is complete. Left are the
// files that still grow.
func (f *Folder) pass(ctx context.Context) (left int, err error) {
	taken, err := f.taken()
	if err != nil {
		return 0, err
	}
	for _, file := range taken {
		if err := f.handle(ctx, file); err != nil {
			return 0, err
		}
	}
	complete, left, err := f.growing.look(f.Dir, f.Settle, time.Now())
	if err != nil {
		return left, err
	}
	f.Metrics.waiting(left + len(complete))
	for _, name := range complete {
		file, err := f.take(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // its owner has taken it back
		}
		if err == nil {
			err = f.handle(ctx, file)
		}
		if err != nil {
			return left, err
		}
	}
	return left, nil
}
