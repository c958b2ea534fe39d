package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// onLog is a log that does something at each line.
type onLog struct {
	slog.Handler
	do func(event string)
}

func (h onLog) Handle(_ context.Context, r slog.Record) error {
	h.do(r.Message)
	return nil
}

// TestQuiet: whatever is logged, the pool's lock is free: a log that is slow, or asks
// the pool something, holds up no call.
func TestQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p *Pool
		seen := map[string]bool{}
		log := slog.New(onLog{slog.NewTextHandler(t.Output(), nil), func(event string) {
			seen[event] = true
			if p == nil {
				return
			}
			if !p.mu.TryLock() {
				t.Errorf("%q was logged under the lock", event)
				return
			}
			p.mu.Unlock()
		}})
		p, err := NewPool(t.Context(), Config{Prefix: messages.DefaultPrefix, VCC: "v", Concurrency: 4, Log: log},
			[]Account{{Inspector: "1001", GUID: someGUID}})
		if err != nil {
			t.Fatal(err)
		}
		in := p.inspectors[0]
		take(t, p, Wish{}).Done(Report{Busy: true})
		for i := range 2 * barAgents {
			use, err := p.Take(Stop{}, Wish{})
			if err != nil {
				break
			}
			use.Done(Report{NoRight: true, WorkNo: fmt.Sprint(30001 + i)})
			time.Sleep(time.Second)
		}
		time.Sleep(lastProbe)     // the longest pause before a trial
		use := take(t, p, Wish{}) // a trial
		use.Done(Report{Accepted: true})
		use.Refused()
		in.verified(true)
		in.lost(down, errors.New("some reason"))
		in.probe()
		in.warn(errPushed)
		in.passwordEnds(time.Now())
		for _, event := range []string{
			"the gateway cannot follow, fewer calls at once", "inspector taken out of use", "inspector back in use", "session refused",
			"session usable", "no usable inspector session", "the next call tries the refused session",
			"the session is not kept as it should be", "password",
		} {
			if !seen[event] {
				t.Errorf("%q was not logged", event)
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		in.right.stop()
	})
}
