package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/session"
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

// trialPause is how long after a failed trial the next call is tried; workers that
// failed together do not return together.
const trialPause = 2 * time.Second

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
	errNoSign      = errors.New("nothing is known of the gateway")
)

// outage notices that the gateway is down as a whole, and lets calls begin again
// slowly. While it is down, one call at a time is tried, with a pause after those for
// a few agents have failed. What has not been tried in this outage goes first, so
// that agents whose calls fail anyway cannot prolong it. After one that works, each
// good answer allows one call more.
type outage struct {
	log     *slog.Logger
	vcc     string
	full    int                         // calls in flight without an outage
	limit   func(calls int)             // is told how many there may be; called under mu
	tell    func(messages.GatewayState) // live observers
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	opened  chan struct{} // has a token when trials are to begin
	doubted chan struct{} // has a token when only a look tells whose fault a failure was

	mu        sync.Mutex
	state     gobreaker.State     // as last heard
	allowed   int                 // calls in flight
	agents    map[string]struct{} // of the failures in a row, outageAgents at most
	unreached uint32              // of the failures in a row
	first     time.Time           // of them
	why       string              // the last of them came to
	since     time.Time           // the gateway is down; zero while it is not
	suspects  suspects
	trial     time.Time // the present one began; zero for none
	tried     int       // agents in it whose calls have failed
	anyone    bool      // also what was tried before may be tried
	awaited   time.Time // until then a command may come back to try the gateway with
}

func newOutage(log *slog.Logger, vcc string, full int, limit func(int), tell func(messages.GatewayState)) *outage {
	o := &outage{
		log: log, vcc: vcc, full: full, allowed: full, limit: limit, tell: tell,
		opened: make(chan struct{}, 1), doubted: make(chan struct{}, 1), agents: map[string]struct{}{},
		suspects: suspects{byAgent: map[string]*suspect{}},
	}
	o.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   1,
		Timeout:       trialPause - 100*time.Millisecond, // it has passed when run looks
		ReadyToTrip:   o.isOutage,
		OnStateChange: o.changed,
		IsExcluded:    func(err error) bool { return errors.Is(err, errNoSign) },
	})
	return o
}

// sign is what an exchange with the gateway shows about it.
type sign int

const (
	noSign sign = iota // it was not made, or tells nothing of forced sign-outs
	proper             // an answer of the gateway, good or bad
	broken             // none
	missed             // it was never reached
)

func (s sign) bad() bool { return s == broken || s == missed }

// sign is what the decision about an exchange tells of the gateway.
func (v verdict) sign() sign {
	switch {
	case v.class == ClassTransient && v.hint == wholeGateway:
		return broken
	case v.class == ClassTransient && v.hint == neverReached:
		return missed
	default:
		return proper
	}
}

// begin asks whether an exchange about an agent, or none with workNo "", may take
// place, and else returns session.ErrHalted. What came of it is to be told to end.
func (o *outage) begin(workNo string) (end func(s sign, why string), err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.since.IsZero() && workNo != "" && !o.anyone && !o.suspects.fresh(workNo, o.first) {
		return nil, session.ErrHalted
	}
	done, err := o.breaker.Allow()
	if err != nil {
		return nil, session.ErrHalted
	}
	began := time.Now()
	if o.state == gobreaker.StateHalfOpen && o.trial.IsZero() {
		o.trial = began
	}
	return func(s sign, why string) {
		o.mu.Lock()
		defer o.mu.Unlock()
		switch {
		case s == noSign:
			done(errNoSign)
		case s == proper && workNo == "":
			done(o.looksWell())
		case s == proper:
			o.suspects.answered(workNo, began)
			o.proper(done)
		case workNo == "":
			o.suspects.distrust()
			o.failed(s, workNo, why)
			done(errGatewayDown)
		default:
			done(o.judge(s, workNo, why))
		}
	}, nil
}

func (o *outage) proper(done func(error)) {
	clear(o.agents)
	o.unreached, o.first = 0, time.Time{}
	done(nil)
	o.grow()
}

// looksWell: that a question of the worker's own is answered does not show that
// sign-outs would be. It ends an outage only where no command is there to try.
func (o *outage) looksWell() error {
	o.suspects.looked = time.Now()
	switch {
	case o.state == gobreaker.StateClosed:
		return errNoSign
	case time.Now().Before(o.awaited):
		o.anyone = true
		return errNoSign
	}
	clear(o.agents)
	o.unreached, o.first = 0, time.Time{}
	return nil
}

// judge notes a call that got no proper answer and returns what it tells of the
// gateway.
func (o *outage) judge(s sign, workNo, why string) error {
	switch o.suspects.failed(workNo, s == broken, time.Now()) {
	case ofAgent:
		return errNoSign
	case ofEither:
		if o.state == gobreaker.StateClosed {
			token(o.doubted)
			return errNoSign
		}
	}
	o.failed(s, workNo, why)
	if o.state == gobreaker.StateHalfOpen && s == broken && !o.anyone && o.tryMore() {
		return errNoSign
	}
	return errGatewayDown
}

// tryMore reports whether the trial that has failed may have been of an agent whose
// calls fail anyway, and another one is to be tried without a pause.
func (o *outage) tryMore() bool {
	o.tried++
	return o.tried < trialAgents && time.Since(o.trial) < trialTime
}

func (o *outage) failed(s sign, workNo, why string) {
	if o.first.IsZero() {
		o.first = time.Now()
	}
	if workNo != "" && len(o.agents) < outageAgents {
		o.agents[workNo] = struct{}{}
	}
	if s == missed {
		o.unreached++
	}
	o.why = why
}

// await notes that a command comes back at some time, to try the gateway with.
func (o *outage) await(at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.awaited = later(o.awaited, at.Add(trialPause))
}

// isFresh reports whether a command may show that the gateway is back: it has not
// been tried in this outage.
func (o *outage) isFresh(workNo string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.suspects.fresh(workNo, o.first)
}

func token(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// grow allows one call more after each good answer: calls in flight double with
// each round, as connections do that start anew.
func (o *outage) grow() {
	if o.allowed == o.full || o.state != gobreaker.StateClosed {
		return
	}
	o.allowed++
	o.limit(o.allowed)
}

// isOutage decides whether failures in a row are about the gateway as a whole.
func (o *outage) isOutage(counts gobreaker.Counts) bool {
	n := counts.ConsecutiveFailures
	whole := len(o.agents) >= outageAgents || o.unreached >= n
	return whole && (n >= outageCalls || n >= outageFew && time.Since(o.first) >= outageTime)
}

// changed follows the breaker, under mu.
func (o *outage) changed(_ string, _, to gobreaker.State) {
	o.state, o.trial, o.tried, o.anyone = to, time.Time{}, 0, false
	switch to {
	case gobreaker.StateOpen:
		if o.since.IsZero() {
			o.since = time.Now()
			o.log.LogAttrs(context.Background(), slog.LevelError, "gateway down, calls are halted",
				slog.String("vcc", o.vcc), slog.String("last_call", o.why))
			o.suspects.times++
			o.tell(messages.GatewayState{State: messages.GatewayDown, Error: o.why})
		}
		o.allowed = 0
		token(o.opened)
	case gobreaker.StateHalfOpen:
		o.allowed = 1
	case gobreaker.StateClosed:
		o.log.LogAttrs(context.Background(), slog.LevelInfo, "gateway back, calls begin slowly",
			slog.String("vcc", o.vcc), slog.Duration("down_for", time.Since(o.since)))
		o.since = time.Time{}
		o.suspects.times++
		o.tell(messages.GatewayState{State: messages.GatewayUp})
	}
	o.limit(o.allowed)
}

// run lets a call be tried from time to time while the gateway is down. Where no
// command comes to try it with, it asks by itself; also where that alone tells whether
// the gateway fails or an agent.
func (o *outage) run(ctx context.Context, ask func(context.Context)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.doubted:
			ask(ctx)
			pause(ctx, lookPause)
			continue
		case <-o.opened:
		}
		for pause(ctx, trialPause+rand.N(trialPause/4)) {
			was, now := o.look()
			if now == gobreaker.StateClosed {
				break
			}
			if was == gobreaker.StateHalfOpen && now == was {
				ask(ctx) // too little has come to try it with since the last look
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// look lets the breaker see what time it is.
func (o *outage) look() (was, now gobreaker.State) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was = o.state
	return was, o.breaker.State()
}

// halted reports whether the gateway counts as down.
func (o *outage) halted() bool { return o.problem() != nil }

// problem is nil while the gateway answers.
func (o *outage) problem() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		return nil
	}
	return fmt.Errorf("%w since %s, the last call: %s", errGatewayDown, o.since.UTC().Format(time.RFC3339), o.why)
}

// limitCalls fits calls and pulls to what the gateway may be asked for now.
func (w *Worker) limitCalls(calls int) {
	w.room.narrow(calls)
	w.inspectors.Limit(calls)
}

// askGateway tries an exchange that changes nothing. It tells whether the gateway
// is back where no command is there to try it with.
func (w *Worker) askGateway(ctx context.Context) {
	use, err := w.inspectors.Take(session.Stop{Drained: w.draining, At: time.Now().Add(trialPause)}, session.Wish{})
	if err != nil {
		return // without a session this is not the question
	}
	defer use.Done(session.Report{})
	end, err := w.outage.begin("")
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, w.cfg.CallTimeout)
	defer cancel()
	w.gateway.Redial() // the connections that there are may be what is down
	answer, err := w.gateway.OwnState(ctx, use.Session)
	decision := w.classifier.classify(answer, err)
	end(decision.sign(), trouble(answer, err, decision))
}

// tellGateway tells live observers that the gateway is down, or back.
func (w *Worker) tellGateway(s messages.GatewayState) {
	s.VCC, s.Worker, s.At = w.cfg.VCC, w.cfg.Instance, time.Now()
	if data, err := s.Encode(); err == nil {
		_ = w.nc.Publish(w.cfg.Prefix.GatewayState(w.cfg.VCC), data) // nobody may be listening
	}
}
