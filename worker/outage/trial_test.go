package outage

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestTrial: a gateway that is down is tried with calls that nobody has tried before,
// and for agents whose calls have not failed while others were answered. Where it answers
// a question and nothing else is there, it is tried with any.
func TestTrial(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		agent     string
		tried     bool // by some worker
		answering bool // a question, while commands are awaited
		may       bool
	}{
		"never tried":                            {"new", false, false, true},
		"tried by another worker":                {"new", true, false, false},
		"tried in this outage":                   {"bad-0", false, false, false},
		"failed before others were answered":     {"old", false, false, false},
		"tried by another worker, nothing else":  {"new", true, true, true},
		"tried in this outage, nothing else":     {"bad-0", true, true, true},
		"failed before others, and nothing else": {"old", false, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := NewGate(16)
				call := func(agent string, s Health) {
					time.Sleep(time.Millisecond)
					end, err := g.Begin(agent, false)
					if err != nil {
						t.Fatalf("no call for %s: %v", agent, err)
					}
					time.Sleep(time.Millisecond)
					end(s, "900-001")
				}
				call("old", Broken)
				call("fine", Answered)
				for i := range outageCalls {
					call(fmt.Sprint("bad-", i), Broken)
				}
				if !g.Halted() {
					t.Fatal("not down")
				}
				time.Sleep(TrialPause)
				g.look()
				if c.answering {
					g.Await(time.Now().Add(time.Second))
					call("", Answered)
				}
				if _, err := g.Begin(c.agent, c.tried); err == nil != c.may || err != nil && !errors.Is(err, ErrHalted) {
					t.Errorf("begin says %v", err)
				}
			})
		})
	}
}
