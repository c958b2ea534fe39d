package session

import (
	"context"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// A refused GUID is tried again, by asking for the inspector's own state: somebody may
// have signed the inspector in again with the same GUID.
const (
	firstCheck = 2 * time.Second
	lastCheck  = 30 * time.Second
	// renewTime is how long a refused session counts as being renewed by its source.
	renewTime = 5 * time.Second
)

// trial finds out when a refused session, which somebody else keeps, is good again.
type trial struct {
	in    *inspector
	of    gateway.Session
	since time.Time // it was refused; zero while nothing is
	pause time.Duration
	next  time.Time
}

func newTrial(in *inspector) *trial { return &trial{in: in} }

// look asks the gateway from time to time whether it takes a refused session now. Where
// the gateway does not know that question, one command at a time tries the session.
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
