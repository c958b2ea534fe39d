package session

import (
	"context"
	"errors"
	"fmt"
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
	checkTime  = 10 * time.Second
)

// given is a session that somebody else has signed in: its GUID comes from a
// file or from the environment.
type given struct {
	in    *inspector
	nudge chan struct{} // a check is wanted; has room for one

	mu   sync.Mutex // one reading at a time
	held string     // what the source held at the last reading
	last string     // what the last unsuccessful reading said
}

func (g *given) run(ctx context.Context) {
	ticker := time.NewTicker(rereadEvery)
	defer ticker.Stop()
	var pause time.Duration
	var next time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = g.reread()
		case <-g.nudge:
			pause, next = firstCheck, time.Time{}
		}
		s, state := g.in.current()
		if state == live || time.Now().Before(next) {
			continue
		}
		if g.tryAgain(ctx, s) {
			g.in.verified()
		}
		next = time.Now().Add(pause)
		pause = min(2*pause, lastCheck)
	}
}

// reread takes up what the source holds now, if that is something new.
func (g *given) reread() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	guid, err := g.in.account.guid()
	if err != nil {
		if err.Error() != g.last {
			g.last = err.Error()
			g.in.log(slog.LevelWarn, "GUID not read again", slog.Any("error", err))
		}
		return err
	}
	g.last = ""
	if guid == g.held {
		return ErrNotRenewed
	}
	g.held = guid
	g.in.set(gateway.Session{Inspector: g.in.account.Inspector, GUID: guid})
	return nil
}

func (g *given) refused(used gateway.Session) error {
	err := g.reread()
	if err == nil {
		return nil
	}
	if s, _ := g.in.current(); s.GUID != used.GUID {
		return nil
	}
	g.in.lost(down, err)
	select {
	case g.nudge <- struct{}{}:
	default:
	}
	return err
}

// renewed takes up a GUID for this process only: the source is somebody else's.
func (g *given) renewed(used gateway.Session, guid string) { g.in.rotate(used, guid) }

// tryAgain asks the gateway whether it takes the session now. A gateway that
// answers, but does not know the question, is asked by the next command.
func (g *given) tryAgain(ctx context.Context, s gateway.Session) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	answer, err := g.in.pool.cfg.Gateway.OwnState(ctx, s)
	verdict := judge(answer, err)
	return verdict == alive || verdict == unknown && err == nil && answer.HTTPStatus < 500
}

// verdict is what an answer to a session's own calls says about it.
type verdict int

const (
	unknown  verdict = iota // no answer of the gateway
	alive                   // the session is good
	doubtful                // it may have ended, or be mixed up with its successor
	ended                   // it is gone
)

// judge reads the answer to a poll or a question for the own state. The vendor's
// clients give up at once on 100-006 and after repeated 000-003 [V].
func judge(answer gateway.Answer, err error) verdict {
	switch {
	case err != nil, answer.HTTPStatus >= 500:
		return unknown
	case answer.Retcode == "100-006", answer.Retcode == "105-005", answer.Retcode == "105-006":
		return ended
	case answer.Retcode == "000-003", answer.HTTPStatus == 401, answer.HTTPStatus == 403:
		return doubtful
	case answer.HTTPStatus == 200 && answer.Retcode == gateway.RetcodeSuccess:
		return alive
	default:
		return unknown
	}
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
