// Package outage notices that the gateway is down as a whole, halts calls, and lets them
// begin again slowly.
package outage

import (
	"errors"
	"sync"
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/sony/gobreaker/v2"
)

// The gateway counts as down when calls in a row get no proper answer: many, or a
// few over some time, about different agents or without reaching it at all. Calls for
// agents that it has failed before while it answered for others do not count.
const (
	outageCalls  = 10
	outageFew    = 3
	outageTime   = time.Second
	outageAgents = 3
)

// TrialPause is how long after a failed trial the next call is tried; workers that
// failed together do not return together.
const TrialPause = 2 * time.Second

// A trial is of several agents one after the other, as there may be many whose calls
// fail anyway: of so many, or as many as the gateway answers for in a moment.
const (
	trialAgents = 6
	trialTime   = 250 * time.Millisecond
)

// lookPause is how often the gateway is asked at most whether it fails, or one agent.
const lookPause = time.Second

// What a breaker is told of calls, besides nil for a proper answer.
var (
	errGatewayDown = errors.New("the gateway is down")
	errNothing     = errors.New("nothing is known of the gateway")
)

// ErrHalted: the gateway is down, and others try whether it is back.
var ErrHalted = errors.New("calls are halted: the gateway is down")

// Gate notices that the gateway is down as a whole, and lets calls begin again
// slowly. While it is down, one call at a time is tried, with a pause after those for
// a few agents have failed. What no worker has tried before goes first, so that agents
// whose calls fail anyway cannot prolong it. After one that works, each good answer allows
// one call more.
type Gate struct {
	full    int // calls in flight without an outage
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	opened  chan struct{} // has a token when trials are to begin
	doubted chan struct{} // has a token when only a look tells whose fault a failure was
	changes chan struct{} // has a token when news or allowed have changed

	mu        sync.Mutex
	state     gobreaker.State     // as last heard
	allowed   int                 // calls in flight
	news      []News              // not taken yet
	agents    map[string]struct{} // of the failures in a row, outageAgents at most
	unreached uint32              // of the failures in a row
	first     time.Time           // of the failures in a row, the first one's
	why       string              // what the last of the failures in a row came to
	since     time.Time           // when the gateway went down; zero while it is up
	suspects  suspects
	trial     time.Time // when the present trial began; zero for none
	tried     int       // agents whose calls have failed in the present trial
	anyone    bool      // also what was tried before may be tried
	awaited   time.Time // until then a command may come back to try the gateway with
}

// NewGate returns an open gate for so many calls in flight.
func NewGate(concurrency int) *Gate {
	g := &Gate{
		full: concurrency, allowed: concurrency,
		opened: make(chan struct{}, 1), doubted: make(chan struct{}, 1), changes: make(chan struct{}, 1),
		agents: map[string]struct{}{}, suspects: suspects{byAgent: map[string]*suspect{}},
	}
	g.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   1,
		Timeout:       TrialPause - 100*time.Millisecond, // it has passed when run looks
		ReadyToTrip:   g.isOutage,
		OnStateChange: g.moved,
		IsExcluded:    func(err error) bool { return errors.Is(err, errNothing) },
	})
	return g
}

// Begin asks whether an exchange about an agent, or none with workNo "", may take
// place, and else returns ErrHalted. What came of it is to be told to end. A call that was
// tried before, by whomever, is no good trial.
func (g *Gate) Begin(workNo string, tried bool) (end func(s Health, why string), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.since.IsZero() && workNo != "" && !g.anyone && (tried || !g.suspects.fresh(workNo, g.first)) {
		return nil, ErrHalted
	}
	done, err := g.breaker.Allow()
	if err != nil {
		return nil, ErrHalted
	}
	began := time.Now()
	if g.state == gobreaker.StateHalfOpen && g.trial.IsZero() {
		g.trial = began
	}
	return func(s Health, why string) {
		g.mu.Lock()
		defer g.mu.Unlock()
		switch {
		case s == Nothing:
			done(errNothing)
		case s == Answered && workNo == "":
			done(g.looksWell())
		case s == Answered:
			g.suspects.answered(workNo, began)
			g.proper(done)
		case workNo == "":
			g.suspects.distrust()
			g.failed(s, workNo, why)
			done(errGatewayDown)
		default:
			done(g.judge(s, workNo, why))
		}
	}, nil
}

func (g *Gate) proper(done func(error)) {
	clear(g.agents)
	g.unreached, g.first = 0, time.Time{}
	done(nil)
	g.grow()
}

// Await notes that a command comes back at some time, to try the gateway with.
func (g *Gate) Await(at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.awaited = clock.Later(g.awaited, at.Add(TrialPause))
}

// IsFresh reports whether an agent's call may show that the gateway is back.
func (g *Gate) IsFresh(workNo string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.suspects.fresh(workNo, g.first)
}

func token(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// grow allows one call more after each good answer: calls in flight double with
// each round, as connections do that start anew.
func (g *Gate) grow() {
	if g.allowed == g.full || g.state != gobreaker.StateClosed {
		return
	}
	g.allowed++
	token(g.changes)
}

// isOutage decides whether failures in a row are about the gateway as a whole.
func (g *Gate) isOutage(counts gobreaker.Counts) bool {
	n := counts.ConsecutiveFailures
	whole := len(g.agents) >= outageAgents || g.unreached >= n
	return whole && (n >= outageCalls || n >= outageFew && time.Since(g.first) >= outageTime)
}

// moved follows the breaker, under mu. What is to be done about it is done elsewhere.
func (g *Gate) moved(_ string, _, to gobreaker.State) {
	g.state, g.trial, g.tried, g.anyone = to, time.Time{}, 0, false
	switch to {
	case gobreaker.StateOpen:
		if g.since.IsZero() {
			g.since = time.Now()
			g.suspects.times++
			g.news = append(g.news, News{Down: true, Why: g.why})
		}
		g.allowed = 0
		token(g.opened)
	case gobreaker.StateHalfOpen:
		g.allowed = 1
	case gobreaker.StateClosed:
		g.news = append(g.news, News{For: time.Since(g.since)})
		g.since = time.Time{}
		g.suspects.times++
	}
	token(g.changes)
}

// News is that the gateway is down, or back.
type News struct {
	Down bool
	Why  string        // Down: what the last call came to
	For  time.Duration // not Down: how long the gateway was down
}

// Changes has a token when there is something new for Take.
func (g *Gate) Changes() <-chan struct{} { return g.changes }

// Take returns how many calls there may be in flight now, and what has happened since the
// last time.
func (g *Gate) Take() (calls int, news []News) {
	g.mu.Lock()
	defer g.mu.Unlock()
	news, g.news = g.news, nil
	return g.allowed, news
}
