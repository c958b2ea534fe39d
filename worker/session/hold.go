package session

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

const (
	// lastPollPause is the longest pause after failed polls. The session lives for
	// gateway.SessionLife, so there are many tries.
	lastPollPause = 5 * time.Second
	// beatEvery is the pause between two heartbeats where events are pushed.
	beatEvery = 30 * time.Second
)

// Reasons for the end of a session, or of its keeping here.
var (
	errGone    = errors.New("the gateway does not know the session any more")
	errEvicted = errors.New("the inspector was signed out elsewhere")
	errCutOff  = errors.New("the gateway gives this worker no answer")
	errPushed  = errors.New("the gateway refuses polls with 000-001, wrong way to fetch events: switch push mode off for this account, or the session ends every two minutes")
)

// polling is one session being kept.
type polling struct {
	*kept
	t   *lease
	end context.CancelCauseFunc

	refusals int           // of polls in a row
	pause    time.Duration // before the next
}

// hold polls until the session is over and returns why.
func (k *kept) hold(ctx context.Context, t *lease) error {
	ctx, end := context.WithCancelCause(ctx)
	k.polled.Store(false)
	k.missed = k.in.pool.cfg.Now() // a keeper before may have ended in a poll
	if !k.in.adopt(t.record().session(k.in.account.Inspector)) {
		k.nudged()
	}
	checked := make(chan struct{})
	go func() { defer close(checked); k.checkWhenNudged(ctx, t, end) }()
	p := &polling{kept: k, t: t, end: end, pause: gateway.PollPause}
	for ctx.Err() == nil && t.holds() {
		p.once(ctx)
		if k.cutOff() {
			end(errCutOff)
		}
		_ = wait(ctx, p.pause+rand.N(gateway.PollPause))
		for !k.unheard.IsZero() && !k.cutOff() && ctx.Err() == nil {
			p.listen(ctx)
		}
	}
	end(errLeaseLost)
	<-checked
	return context.Cause(ctx)
}

// present is the session to go on with: what the record says where that is news, else
// what this worker has, which a call of its own may have renewed.
func (k *kept) present(t *lease) gateway.Session {
	for {
		recorded := t.record().session(k.in.account.Inspector)
		now := k.in.takeUp(recorded)
		// The other of polls and checks may have taken up a newer one in between.
		if t.record().session(k.in.account.Inspector) == recorded {
			return now
		}
	}
}

// once makes one poll and reacts to what it says of the session.
func (p *polling) once(ctx context.Context) {
	s := p.present(p.t)
	client := p.in.pool.cfg.Gateway
	if p.refusals > 0 { // another connection may lead to a node that knows the session
		client = client.Apart()
		defer client.Close()
	}
	switch p.poll(ctx, client, s) {
	case alive:
		p.refusals, p.pause = 0, gateway.PollPause
	case refused:
		p.pause = gateway.PollPause
		if p.refused(ctx, s) {
			p.end(errGone)
		}
	case pushed:
		p.in.warn(errPushed)
		p.beat(ctx, s)
		p.pause = beatEvery
	default:
		p.pause = min(2*p.pause, lastPollPause)
	}
}

// refused reports whether a poll's refusal proves that the session is over. One may
// come from a node that does not know the session; two in a row prove it. Where the
// gateway still takes the session for other questions, a third poll decides.
func (p *polling) refused(ctx context.Context, s gateway.Session) bool {
	p.refusals++
	if p.replaced(ctx, p.t, s) {
		p.refusals = 0
		return false
	}
	if !p.polled.Load() { // with AUTHMODE 2 nothing else is taken before the first poll
		return p.refusals > 1
	}
	p.in.doubt(s) // calls wait for the moment that this takes
	switch p.in.pool.secondOpinion(ctx, s) {
	case refused:
		if !p.replaced(ctx, p.t, s) {
			return true
		}
		p.refusals = 0
	case alive, pushed:
		if p.refusals > 2 {
			return true
		}
	default:
		if p.refusals > 1 {
			return true
		}
	}
	p.in.verified(false)
	return false
}

// poll makes one poll, and takes up what it brings.
func (p *polling) poll(ctx context.Context, client *gateway.Client, s gateway.Session) verdict {
	polling, cancel := context.WithTimeout(ctx, p.in.pool.cfg.PollTime)
	defer cancel()
	begin := time.Now()
	event, next, answer, err := client.Poll(polling, s)
	verdict := p.in.pool.judge(answer, err)
	var unsent *gateway.UnsentError
	if err != nil && !errors.As(err, &unsent) {
		p.missed = p.in.pool.cfg.Now()
	}
	switch {
	case ctx.Err() != nil && verdict != alive:
		return verdict
	case err == nil && answer.Retcode != "" && answer.HTTPStatus < 500:
		p.answered()
	default:
		p.silent()
	}
	if verdict == unknown {
		p.in.log(slog.LevelWarn, "poll failed", slog.String("answer", said(answer, err)))
	}
	if verdict == alive {
		first := !p.polled.Swap(true)
		p.missed = time.Time{}
		p.signIn.lasts()
		p.in.warn(nil)
		p.heard(ctx, s, next, event)
		p.in.verified(!first)
		// As good as asking for the own state; the first one also where it began before.
		if at := p.nudgedAt.Load(); at != 0 && (first || next != s || begin.UnixNano() > at) {
			p.checked(ctx, p.t)
		}
	}
	return verdict
}

// heard takes up what a poll brought.
func (p *polling) heard(ctx context.Context, s, next gateway.Session, event gateway.Event) {
	p.in.replace(s, next) // here first: nobody has it sooner
	if now := p.t.record(); now.GUID != next.GUID || now.Cookie != next.Cookie {
		p.pass(ctx, s, next)
	}
	if event.Out != "" {
		p.in.pool.watches.announce(event.Out)
	}
	if event.Shutdown(p.in.account.Inspector) {
		p.end(errEvicted)
	}
}

// pass writes a session that follows the one that was polled with. Where another worker
// has shared a newer one meanwhile, that one stays.
func (p *polling) pass(ctx context.Context, s, next gateway.Session) {
	known := p.in.takenUp().GUID
	err := p.t.insist(ctx, func(r *record) {
		if r.GUID == s.GUID || r.GUID == known {
			r.GUID, r.Cookie = next.GUID, next.Cookie
		}
	})
	if err == nil {
		p.in.log(slog.LevelDebug, "GUID rotated")
		return
	}
	// The lease is lost, the session is not: whoever keeps it now needs this.
	p.unsaved = &unsaved{before: s.GUID, session: next}
	p.share(s.GUID, next)
}

// listen asks a question that is answered at once, where a poll got no answer: whether
// the gateway answers at all shall not take another poll's time to find out.
func (p *polling) listen(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	apart := p.in.pool.cfg.Gateway.Apart()
	defer apart.Close()
	answer, err := apart.OwnState(asking, p.present(p.t))
	if err == nil && (answer.Retcode != "" || answer.HTTPStatus == http.StatusNotFound) && answer.HTTPStatus < 500 {
		p.answered()
		return
	}
	_ = wait(ctx, min(lastPollPause, p.in.pool.cfg.CutOff/8))
}

// beat is the heartbeat of a session whose events are pushed [cec_07_1204].
func (p *polling) beat(ctx context.Context, s gateway.Session) {
	beating, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if p.in.pool.judge(p.in.pool.cfg.Gateway.Handshake(beating, s)) == alive {
		p.polled.Store(true)
		p.in.verified(false)
	}
}
