package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// ErrNotRenewed says that the source of a session still holds what the gateway
// has refused.
var ErrNotRenewed = errors.New("the source of the GUID still holds the refused one")

const (
	// rereadEvery is how often a file is looked at for changes.
	rereadEvery = 2 * time.Second
	// A refused GUID is tried again, by asking for the inspector's own state: it
	// may have been signed in again with the same.
	firstCheck = 2 * time.Second
	lastCheck  = 30 * time.Second
	// renewTime is how long a refused session counts as being renewed by its source.
	renewTime = 5 * time.Second
)

// given is a session that somebody else has signed in: its GUID comes from a
// file or from the environment.
type given struct {
	in    *inspector
	nudge chan struct{} // a call was refused; has room for one

	mu   sync.Mutex      // one reading at a time
	held gateway.Session // what the source held at the last reading
	last string          // what the last unsuccessful reading said
}

func (g *given) run(ctx context.Context) {
	ticker := time.NewTicker(rereadEvery / 2)
	defer ticker.Stop()
	trial := newTrial(g.in)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-g.nudge:
		}
		g.reread()
		trial.look(ctx)
	}
}

// reread takes up what the source holds now, if that is something new.
func (g *given) reread() {
	if err := g.read(); err != nil && err.Error() != g.last {
		g.last = err.Error()
		g.in.log(slog.LevelWarn, "GUID not read again", slog.Any("error", err))
	}
}

func (g *given) read() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, err := g.in.account.given()
	if err != nil {
		return err
	}
	g.last = ""
	if s != g.held {
		g.held = s
		g.in.set(s)
	}
	return nil
}

// refused makes run look at the source at once. The commands wait, as they do with
// other sources: a program that signs in again writes a moment later.
func (g *given) refused(gateway.Session) {
	select {
	case g.nudge <- struct{}{}:
	default:
	}
}

// renewed takes up a GUID for this process only: the source is somebody else's.
func (g *given) renewed(used gateway.Session, guid string) { g.in.renew(used, guid) }

// trial is how a refused session of somebody else's is found to be good again.
type trial struct {
	in    *inspector
	of    gateway.Session
	since time.Time // it was refused; zero while nothing is
	pause time.Duration
	next  time.Time
}

func newTrial(in *inspector) *trial { return &trial{in: in} }

// look asks the gateway from time to time whether it takes a refused session now.
// Where it answers and does not know that question, the next command asks, alone.
func (t *trial) look(ctx context.Context) {
	s, state := t.in.current()
	switch {
	case state == live:
		t.since = time.Time{}
		return
	case t.since.IsZero() || s != t.of:
		if s != t.of {
			t.pause = firstCheck
		}
		t.of, t.since, t.next = s, time.Now(), time.Now().Add(t.pause)
		return
	case time.Now().Before(t.next):
		return
	}
	if time.Since(t.since) > renewTime {
		t.in.lost(down, ErrNotRenewed)
	}
	t.pause = min(2*t.pause, lastCheck)
	t.next = time.Now().Add(t.pause)
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	answer, err := t.in.pool.cfg.Gateway.OwnState(ctx, s)
	switch t.in.pool.judge(answer, err) {
	case alive, pushed:
		t.pause = firstCheck
		t.in.verified(true)
	case unknown:
		if err == nil && answer.HTTPStatus < 500 {
			t.in.probe()
		}
	}
}
