package session

import (
	"context"
	"fmt"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// checkTime bounds a question for the own state.
const checkTime = 10 * time.Second

// verdict is what an answer to one of a session's own calls says about the session.
type verdict int

const (
	unknown verdict = iota // nothing
	alive                  // the session is good
	refused                // whoever answered does not know it
	pushed                 // the session is good, and polls are the wrong way
)

// judge reads the answer to a poll or a question for the own state by the same table
// as that to a call.
func (p *Pool) judge(answer gateway.Answer, err error) verdict {
	switch {
	case err != nil, answer.HTTPStatus >= 500:
		return unknown
	case answer.HTTPStatus == 401, answer.HTTPStatus == 403:
		return refused
	case answer.Retcode == "":
		return unknown
	case answer.Retcode == retcode.PushMode:
		return pushed
	}
	switch class := p.cfg.Retcodes.Of(answer.Retcode).Class; {
	case class == retcode.Session:
		return refused
	case class == retcode.Success && answer.HTTPStatus == 200:
		return alive
	default:
		return unknown
	}
}

// secondOpinion asks about a session that was refused, twice if need be, each time
// over a connection of its own: a balancer may have taken the call to a node that
// does not know the session. Only two refusals are one.
func (p *Pool) secondOpinion(ctx context.Context, s gateway.Session) verdict {
	for again := range 2 {
		if again > 0 && wait(ctx, gateway.PollPause) != nil {
			return unknown
		}
		if v := p.askApart(ctx, s); v != refused {
			return v
		}
	}
	return refused
}

func (p *Pool) askApart(ctx context.Context, s gateway.Session) verdict {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	apart := p.cfg.Gateway.Apart()
	defer apart.Close()
	return p.judge(apart.OwnState(ctx, s))
}

// checkWhenNudged asks the gateway about a session that a call was refused with,
// and tells everybody that it is good, or ends it.
func (k *kept) checkWhenNudged(ctx context.Context, t *lease, end context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.nudge:
		}
		pause := gateway.PollPause
		for ctx.Err() == nil && t.holds() && k.nudgedAt.Load() != 0 {
			s := k.present(t)
			switch k.in.pool.secondOpinion(ctx, s) {
			case alive, pushed:
				k.checked(ctx, t)
				continue
			case refused:
				// Before the first poll has answered, a gateway with AUTHMODE 2 may refuse all
				// else: the poll decides, and must not be cancelled for it.
				if k.polled.Load() && !k.replaced(ctx, t, s) {
					end(errGone)
					return
				}
				pause = min(2*pause, lastPollPause)
			default:
				// The next poll tells as well.
				pause = min(2*pause, lastPollPause)
			}
			_ = wait(ctx, pause)
		}
	}
}

// replaced looks whether there is a newer GUID of the session, by another worker or a
// poll of this one.
func (k *kept) replaced(ctx context.Context, t *lease, s gateway.Session) bool {
	_ = t.change(ctx, func(*record) {})
	return k.present(t).GUID != s.GUID
}

// checked tells everybody that a session that was doubted is good.
func (k *kept) checked(ctx context.Context, t *lease) {
	k.nudgedAt.Store(0)
	k.in.verified(true)
	_ = t.insist(ctx, func(r *record) { r.Checked++ })
}

func said(answer gateway.Answer, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case answer.Retcode == "":
		return fmt.Sprintf("HTTP %d without a retcode", answer.HTTPStatus)
	case answer.Message == "":
		return answer.Retcode
	default:
		return answer.Retcode + " (" + answer.Message + ")"
	}
}
