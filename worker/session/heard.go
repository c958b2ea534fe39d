package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// heard is what one poll brought.
type heard struct {
	began   time.Time
	session gateway.Session // that it was made with
	next    gateway.Session // to go on with
	event   gateway.Event
	verdict verdict
}

// ask makes one poll, and notes whether the gateway answers.
func (k *keeping) ask(ctx context.Context, client *gateway.Client, s gateway.Session) heard {
	polling, cancel := context.WithTimeout(ctx, k.in.pool.cfg.PollTime)
	defer cancel()
	began := time.Now()
	event, next, answer, err := client.Poll(polling, s)
	p := heard{began: began, session: s, next: next, event: event, verdict: k.in.pool.judge(answer, err)}
	var unsent *gateway.UnsentError
	if err != nil && !errors.As(err, &unsent) {
		k.missed = k.in.pool.cfg.Now()
	}
	switch {
	case ctx.Err() != nil && p.verdict != alive:
		return p // cut off, which tells nothing of the gateway
	case err == nil && answer.Retcode != "" && answer.HTTPStatus < 500:
		k.silence.end()
	default:
		k.silence.begin()
	}
	if p.verdict == unknown {
		k.in.log(slog.LevelWarn, "poll failed", slog.String("answer", said(answer, err)))
	}
	return p
}

// takeIn takes up a poll that worked.
func (k *keeping) takeIn(ctx context.Context, p heard) {
	first := !k.polled.Swap(true)
	k.missed = time.Time{}
	k.signIns.lasts()
	k.in.warn(nil)
	k.in.replace(p.session, p.next) // before it is written: nobody has it sooner
	if now := k.recorded(); now.GUID != p.next.GUID || now.Cookie != p.next.Cookie {
		k.pass(ctx, p.session, p.next)
	}
	if p.event.Out != "" {
		k.in.pool.watches.announce(p.event.Out)
	}
	if p.event.Shutdown(k.in.account.Inspector) {
		k.end(errEvicted)
	}
	k.in.verified(!first)
	// It explains the refusals that were there when it began, as asking for the own state
	// would; a new GUID, and the first poll of all, explain later ones, too.
	if k.doubts.before(p.began) || k.doubts.any() && (first || p.next != p.session) {
		k.explained(ctx)
	}
}

// pass writes a session that follows the one that was polled with. Where another worker
// has shared a newer one meanwhile, that one stays.
func (k *keeping) pass(ctx context.Context, s, next gateway.Session) {
	known := k.in.takenUp().GUID
	err := k.lease.insist(ctx, func(r *record) {
		if r.GUID == s.GUID || r.GUID == known {
			r.GUID, r.Cookie = next.GUID, next.Cookie
		}
	})
	if err == nil {
		k.in.log(slog.LevelDebug, "GUID rotated")
		return
	}
	// The lease is lost, the session is not: whoever keeps it now needs this.
	k.unsaved = &unsaved{before: s.GUID, session: next}
	k.share(s.GUID, next)
}
