package session

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

const (
	// pollTime is how long a poll may take; well above gateway.PollWait.
	pollTime = 3 * gateway.PollWait
	// lastPollPause is the longest pause after failed polls. The session lives for
	// gateway.SessionLife, so there are many tries.
	lastPollPause = 5 * time.Second
)

// Reasons for the end of a session, or of its keeping here.
var (
	errGone    = errors.New("the gateway does not know the session any more")
	errEvicted = errors.New("the inspector was signed out elsewhere")
	errCutOff  = errors.New("the gateway gives this worker no answer")
)

// hold polls until the session is over and returns why.
func (k *kept) hold(ctx context.Context, t *tenure) error {
	ctx, end := context.WithCancelCause(ctx)
	checked := make(chan struct{})
	go func() { defer close(checked); k.checkWhenNudged(ctx, t, end) }()
	if !k.in.adopt(t.record().session(k.in.account.Inspector)) {
		k.nudged()
	}
	doubts, pause := 0, gateway.PollPause
	for ctx.Err() == nil && t.holds() {
		s := t.record().session(k.in.account.Inspector)
		k.in.use(s)
		verdict := k.poll(ctx, t, s, end)
		switch {
		case verdict == alive:
			doubts, pause = 0, gateway.PollPause
		case verdict == doubtful && doubts == 0:
			doubts++
		case verdict == doubtful, verdict == ended:
			if !k.replaced(ctx, t, s) {
				end(errGone)
			}
		default:
			pause = min(2*pause, lastPollPause)
		}
		if k.cutOff() {
			end(errCutOff)
		}
		_ = wait(ctx, pause+rand.N(gateway.PollPause))
	}
	end(errTenureLost)
	<-checked
	return context.Cause(ctx)
}

// poll makes one poll, and takes up what it brings.
func (k *kept) poll(ctx context.Context, t *tenure, s gateway.Session, end context.CancelCauseFunc) verdict {
	polling, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	begin := time.Now()
	event, answer, err := k.in.pool.cfg.Gateway.Poll(polling, s)
	verdict := judge(answer, err)
	switch {
	case ctx.Err() != nil:
	case err == nil && answer.Retcode != "" && answer.HTTPStatus < 500:
		k.answered()
	default:
		k.silent()
	}
	if verdict == unknown && ctx.Err() == nil {
		k.in.log(slog.LevelWarn, "poll failed", slog.String("answer", said(answer, err)))
	}
	if verdict == alive {
		k.signIn.lasts()
		k.in.verified()
		k.heard(ctx, t, s, event, answer, end)
		if at := k.nudgedAt.Load(); at != 0 && begin.UnixNano() > at {
			k.checked(ctx, t) // as good as asking for the own state
		}
	}
	return verdict
}

// heard takes up what a poll brought.
func (k *kept) heard(ctx context.Context, t *tenure, s gateway.Session, event gateway.Event, answer gateway.Answer, end context.CancelCauseFunc) {
	if answer.GUID != "" && answer.GUID != s.GUID {
		// Here first: the old one is still good for a while, so nobody is in a hurry.
		k.in.rotate(s, answer.GUID)
		if err := t.insist(ctx, func(r *record) { r.GUID = answer.GUID }); err == nil {
			k.in.log(slog.LevelDebug, "GUID rotated")
		} else {
			next := s
			next.GUID = answer.GUID
			k.unsaved = &unsaved{before: s.GUID, session: next}
		}
	}
	if event.Out != "" {
		k.in.pool.watches.announce(event.Out)
	}
	if event.Shutdown(k.in.account.Inspector) {
		end(errEvicted)
	}
}

// checkWhenNudged asks the gateway about a session that a call was refused with,
// and tells everybody that it is good, or ends it.
func (k *kept) checkWhenNudged(ctx context.Context, t *tenure, end context.CancelCauseFunc) {
	doubts := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.nudge:
		}
		pause := gateway.PollPause
		for ctx.Err() == nil && t.holds() && k.nudgedAt.Load() != 0 {
			asking, cancel := context.WithTimeout(ctx, checkTime)
			s := t.record().session(k.in.account.Inspector)
			verdict := judge(k.in.pool.cfg.Gateway.OwnState(asking, s))
			cancel()
			switch {
			case verdict == alive:
				doubts = 0
				k.in.use(s)
				k.checked(ctx, t)
				continue
			case verdict == doubtful && doubts == 0:
				doubts++
			case verdict == doubtful, verdict == ended:
				if !k.replaced(ctx, t, s) {
					end(errGone)
					return
				}
			default:
				// The next poll tells as well.
				pause = min(2*pause, lastPollPause)
			}
			_ = wait(ctx, pause)
		}
	}
}

// replaced looks whether another worker has shared a newer GUID of the session.
func (k *kept) replaced(ctx context.Context, t *tenure, s gateway.Session) bool {
	_ = t.change(ctx, func(*record) {})
	now := t.record().GUID
	return now != "" && now != s.GUID
}

// checked tells everybody that a session that was doubted is good.
func (k *kept) checked(ctx context.Context, t *tenure) {
	k.nudgedAt.Store(0)
	k.in.verified()
	_ = t.insist(ctx, func(r *record) { r.Checked++ })
}
