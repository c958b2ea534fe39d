package gateway

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is the least time between two looks at the TLS files. Certificates
// are replaced days before they end, so seconds are soon enough.
const lookEvery = 5 * time.Second

// reloading are lanes with the TLS files' present contents.
//
// The files are looked at by a request, so an idle client does not look, and
// one request waits for the disk while the others go on. A file that is caught
// half written but makes sense is used until the next look.
type reloading struct {
	lanes
	files TLSFiles
	log   *slog.Logger
	due   atomic.Int64 // when to look next, on the clock

	looking sync.Mutex // held during a look, for what follows
	texts   pemTexts   // what is in use
	trouble string     // the problem that was logged last, empty if there is none
}

// newReloading reads the files at once: a worker that starts with wrong ones
// should say so and end.
func newReloading(files TLSFiles, most int, log *slog.Logger) (*reloading, error) {
	texts, err := files.read()
	if err != nil {
		return nil, err
	}
	config, err := files.config(texts)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	start := time.Now()
	r := &reloading{
		lanes: lanes{most: most, clock: func() time.Duration { return time.Since(start) }, config: config},
		files: files, log: log, texts: texts,
	}
	r.due.Store(int64(lookEvery))
	if !files.any() {
		r.due.Store(math.MaxInt64)
	}
	return r, nil
}

// take looks at the files from time to time.
func (r *reloading) take(ctx context.Context) *lane {
	if r.due.Load() != math.MaxInt64 {
		if now := r.clock(); int64(now) >= r.due.Load() {
			r.look(ctx, now)
		}
	}
	return r.lanes.take()
}

// look takes changed files into use. Files that cannot be used, for example a
// certificate without its new key yet, leave everything as it was.
func (r *reloading) look(ctx context.Context, now time.Duration) {
	if !r.looking.TryLock() {
		return // somebody else is looking
	}
	defer r.looking.Unlock()
	r.due.Store(int64(now + lookEvery))
	changed, err := r.reload()
	trouble := ""
	switch {
	case err != nil:
		trouble = err.Error()
		if trouble != r.trouble {
			r.log.LogAttrs(ctx, slog.LevelWarn, "gateway TLS files not reloaded", slog.Any("error", err))
		}
	case changed:
		r.log.LogAttrs(ctx, slog.LevelInfo, "gateway TLS files reloaded")
	}
	r.trouble = trouble
}

func (r *reloading) reload() (changed bool, err error) {
	texts, err := r.files.read()
	if err != nil || texts == r.texts {
		return false, err
	}
	config, err := r.files.config(texts)
	if err != nil {
		return false, err
	}
	r.renew(config)
	r.texts = texts
	return true, nil
}

// apart are other lanes with the same settings, that look at no files.
func (r *reloading) apart() *reloading {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Without TLS sessions: a balancer may know the way by them.
	other := &reloading{lanes: lanes{most: r.most, clock: r.clock, config: r.config, anew: true}, log: r.log}
	other.due.Store(math.MaxInt64)
	return other
}
