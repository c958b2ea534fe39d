package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// ErrNotRenewed says that the source of a session still holds what the gateway
// has refused.
var ErrNotRenewed = errors.New("the source of the GUID still holds the refused one")

// rereadEvery is how often a file is looked at for changes.
const rereadEvery = 2 * time.Second

// given is a session that somebody else has signed in: its GUID comes from a
// file or from the environment.
type given struct {
	in    *inspector
	nudge chan struct{} // a call was refused; has room for one

	// open reads once, then run alone does.
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
