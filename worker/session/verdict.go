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

// judge reads the answer to a poll or a question for the own state by the same table as
// that to a call.
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

// askApart asks for the inspector's own state over a new connection.
func (p *Pool) askApart(ctx context.Context, s gateway.Session) verdict {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	apart := p.cfg.Gateway.Apart()
	defer apart.Close()
	return p.judge(apart.OwnState(ctx, s))
}

// said is an answer for people.
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
