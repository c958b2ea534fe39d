package session

import (
	"context"
	"log/slog"
	"sync"
)

// quiet is a lock under which nothing is logged: what is noted under it goes to the log
// once the lock is free, so that a slow log holds up no call.
type quiet struct {
	sync.Mutex
	log   *slog.Logger
	noted []line
}

type line struct {
	level slog.Level
	event string
	attrs []slog.Attr
}

// note keeps a line for Unlock.
func (q *quiet) note(l line) { q.noted = append(q.noted, l) }

// Unlock frees the lock and then logs what was noted.
func (q *quiet) Unlock() {
	noted := q.noted
	q.noted = nil
	q.Mutex.Unlock()
	for _, l := range noted {
		q.log.LogAttrs(context.Background(), l.level, l.event, l.attrs...)
	}
}
