package session

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/gateway"
)

const (
	// lastPollPause is the longest pause after failed polls. The session lives for
	// gateway.SessionLife, so there are many tries.
	lastPollPause = 5 * time.Second
	// beatEvery is the pause between two heartbeats where events are pushed.
	beatEvery = 30 * time.Second
)

// longer is the pause after one more question in vain.
func longer(pause time.Duration) time.Duration { return min(2*pause, lastPollPause) }

// Reasons for the end of a session, or of its keeping here.
var (
	errGone    = errors.New("the gateway does not know the session any more")
	errEvicted = errors.New("the inspector was signed out elsewhere")
	errCutOff  = errors.New("the gateway gives this worker no answer")
	errPushed  = errors.New("the gateway refuses polls with 000-001, wrong way to fetch events: switch push mode off for this account, or the session ends every two minutes")
)

// keeping is one session being kept. The goroutine of poll makes the polls, and one more
// checks when calls are refused.
type keeping struct {
	*term
	end    context.CancelCauseFunc // any of the two may say that it is over
	polled atomic.Bool             // a poll has been answered

	// Of the goroutine of poll alone.
	refusals int           // of polls in a row
	pause    time.Duration // before the next poll
	missed   time.Time     // when a poll may have brought a GUID that nobody has heard; zero for never
}

// poll keeps the session until it is over, or not to be kept here any more.
func (t *term) poll(ctx context.Context) stateFunc {
	k := &keeping{term: t, pause: gateway.PollPause, missed: t.in.pool.cfg.Now()} // a keeper before may have ended in a poll
	why := k.untilOver(ctx)
	if ctx.Err() != nil || !t.lease.holds() || errors.Is(why, errCutOff) {
		return t.choose
	}
	t.in.log(slog.LevelWarn, "session lost", slog.Any("error", why))
	t.in.lost(pending, why)
	if !k.missed.IsZero() && !errors.Is(why, errEvicted) {
		t.orphan = clock.Later(t.orphan, k.missed.Add(gateway.SessionLife+orphanMargin))
	}
	_ = t.lease.insist(ctx, func(r *record) { r.end(); r.Orphan = clock.Later(r.Orphan, t.orphan) })
	return t.choose
}

// untilOver polls and checks, and returns why that has ended.
func (k *keeping) untilOver(ctx context.Context) error {
	ctx, k.end = context.WithCancelCause(ctx)
	if !k.in.adopt(k.recorded()) {
		k.doubts.raise()
	}
	checked := make(chan struct{})
	go func() { defer close(checked); k.check(ctx) }()
	for ctx.Err() == nil && k.lease.holds() {
		k.once(ctx)
		if k.silence.cutOff() {
			k.end(errCutOff)
		}
		_ = wait(ctx, k.pause+rand.N(gateway.PollPause))
		for k.silence.lasts() && !k.silence.cutOff() && ctx.Err() == nil {
			k.listen(ctx)
		}
	}
	k.end(errLeaseLost)
	<-checked
	return context.Cause(ctx)
}

func (k *keeping) recorded() gateway.Session {
	return k.lease.record().session(k.in.account.Inspector)
}

// present is the session to go on with: what the record says where that is news, else
// what this worker has, which a call of its own may have renewed.
func (k *keeping) present() gateway.Session {
	for {
		recorded := k.recorded()
		now := k.in.takeUp(recorded)
		// The other goroutine may have taken up a newer one in between.
		if k.recorded() == recorded {
			return now
		}
	}
}

// once makes one poll and reacts to what it says of the session.
func (k *keeping) once(ctx context.Context) {
	s := k.present()
	client := k.in.pool.cfg.Gateway
	if k.refusals > 0 { // another connection may lead to a node that knows the session
		client = client.Apart()
		defer client.Close()
	}
	p := k.ask(ctx, client, s)
	switch p.verdict {
	case alive:
		k.refusals, k.pause = 0, gateway.PollPause
		k.takeIn(ctx, p)
	case refused:
		k.refusals++
		k.pause = gateway.PollPause
		switch k.inquire(ctx, s, k.refusals) {
		case outdated:
			k.refusals = 0
		case over:
			k.end(errGone)
		}
	case pushed:
		k.in.warn(errPushed)
		k.beat(ctx, s)
		k.pause = beatEvery
	default:
		k.pause = longer(k.pause)
	}
}

// listen asks a question that is answered at once, where a poll got no answer: another
// poll would take long to show whether the gateway answers at all.
func (k *keeping) listen(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	apart := k.in.pool.cfg.Gateway.Apart()
	defer apart.Close()
	answer, err := apart.OwnState(asking, k.present())
	if err == nil && (answer.Retcode != "" || answer.HTTPStatus == http.StatusNotFound) && answer.HTTPStatus < 500 {
		k.silence.end()
		return
	}
	_ = wait(ctx, min(lastPollPause, k.in.pool.cfg.CutOff/8))
}

// beat is the heartbeat of a session whose events are pushed [cec_07_1204].
func (k *keeping) beat(ctx context.Context, s gateway.Session) {
	beating, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if k.in.pool.judge(k.in.pool.cfg.Gateway.Handshake(beating, s)) == alive {
		k.polled.Store(true)
		k.in.verified(false)
	}
}
