package session

import (
	"context"
	"fmt"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// shared is a session that another program, or other workers, keep.
type shared struct{ *follower }

func (s *shared) run(ctx context.Context) {
	if needed, err := s.sayNeeded(); err == nil {
		defer func() { _ = needed.Unsubscribe() }()
	}
	trial := newTrial(s.in)
	watch := s.watch()
	defer watch.ticker.Stop()
	for {
		e, news := watch.next(ctx)
		if ctx.Err() != nil {
			return
		}
		if news {
			if e.GUID == "" && e.Problem == "" {
				e.Problem = s.nothingThere().Error()
			}
			s.apply(e.record)
			continue
		}
		if now, _ := s.in.current(); now.GUID == "" {
			s.in.lost(down, s.nothingThere())
		} else {
			trial.look(ctx)
		}
	}
}

func (s *shared) nothingThere() error {
	return fmt.Errorf("the bucket %s holds no GUID under %s", s.kv.Bucket(), s.key)
}

func (s *shared) refused(gateway.Session) { s.askForCheck() }

// renewed takes up a GUID for this process only: the bucket is somebody else's.
func (s *shared) renewed(used gateway.Session, guid string) { s.in.renew(used, guid) }
