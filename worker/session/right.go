package session

import (
	"errors"
	"log/slog"
	"time"
)

// An inspector is taken out of use when, with no other answer in between, at
// least barAgents agents were refused over at least barAfter: 900-002 may be
// about one agent or one moment, but not about all of them. It takes barInstead
// agents where another inspector then signed them out.
const (
	barAgents  = 12
	barAfter   = 10 * time.Second
	barInstead = 3
	// barOverruled is how many times in a row calls may be refused with a session that
	// the gateway, when asked, calls good.
	barOverruled = 3

	firstProbe = time.Second // the first trial call; the pause doubles
	lastProbe  = time.Minute
)

var (
	errNoRight   = errors.New("the gateway answers every call with 900-002: give this inspector the right to quality control")
	errOverruled = errors.New("the gateway takes the session but refuses every call with it: check the inspector's rights")
)

// right is whether an inspector has the right to sign agents out, as far as its
// answers tell. One that seems to have none makes a trial call from time to time.
type right struct {
	agents    map[string]struct{} // refused since the last other answer, barAgents at most
	since     time.Time           // of the first of them
	instead   int                 // of them signed out by another inspector
	overrules int

	why   error         // not nil: taken out of use
	trial bool          // a call may be tried
	pause time.Duration // to the next trial
	timer *time.Timer
}

// barred reports whether the inspector is out of use.
func (r *right) barred() bool { return r.why != nil && !r.trial }

// allows bounds trials to one call at a time.
func (r *right) allows(inFlight int) bool { return r.why == nil || inFlight == 0 }

// taken hears of each call. A trial is one call; unless its answer grants the right, the
// next trial comes after a longer pause.
func (r *right) taken(in *inspector) {
	if r.why != nil {
		r.bar(in, r.why)
	}
}

// refused notes an answer that says that the right is missing.
func (r *right) refused(in *inspector, workNo string, now time.Time) {
	if r.why != nil {
		return
	}
	if r.agents == nil {
		r.agents, r.since = map[string]struct{}{}, now
	}
	if len(r.agents) < barAgents {
		r.agents[workNo] = struct{}{}
	}
	if len(r.agents) >= barAgents && now.Sub(r.since) >= barAfter {
		r.bar(in, errNoRight)
	}
}

// outdone notes that another inspector has signed an agent out for whom this inspector
// had no right.
func (r *right) outdone(in *inspector) {
	if r.why != nil || len(r.agents) == 0 {
		return
	}
	if r.instead++; r.instead >= barInstead {
		r.bar(in, errNoRight)
	}
}

// overruled notes that a refused session turned out to be good.
func (r *right) overruled(in *inspector) {
	if r.overrules++; r.overrules >= barOverruled && r.why == nil {
		r.bar(in, errOverruled)
	}
}

// heard notes an answer that needed the session.
func (r *right) heard(in *inspector) {
	r.overrules = 0
	if errors.Is(r.why, errOverruled) {
		r.granted(in)
	}
}

// granted notes an answer that needed session and right.
func (r *right) granted(in *inspector) {
	if r.why != nil {
		in.note(slog.LevelInfo, "inspector back in use")
	}
	r.stop()
	*r = right{}
}

// bar takes the inspector out of use until the next trial.
func (r *right) bar(in *inspector, why error) {
	if r.why == nil {
		in.note(slog.LevelError, "inspector taken out of use", slog.Any("error", why))
	}
	r.stop()
	r.why, r.trial = why, false
	r.pause = min(max(2*r.pause, firstProbe), lastProbe)
	r.timer = time.AfterFunc(r.pause, func() {
		in.pool.mu.Lock()
		defer in.pool.mu.Unlock()
		r.trial = true
		in.pool.sessionsChanged()
	})
}

func (r *right) stop() {
	if r.timer != nil {
		r.timer.Stop()
	}
}
