// Package sim is a simulated CC-Gateway that speaks the real one's HTTP
// protocol, for the demo, tests, benchmarks and first steps. It keeps a record
// of every call, so that a test can see what a gateway would have seen.
//
// It knows the forced sign-out, the question for an agent's state, and what an
// inspector needs for a session: sign-in, event poll, heartbeat, rotation of the
// GUID, sign-out. Sessions can be given to it as well; those last by themselves.
//
// Facts carry the page of the vendor's API reference that they come from, for
// example [cec_07_0441]; [I] marks what is inferred.
package sim

import (
	"cmp"
	"math/rand/v2"
	"sync"
	"time"
)

// Config is what a simulated gateway is made with. The zero value is a faithful,
// fast gateway.
type Config struct {
	// Now is the gateway's clock: of sign-ins, of sessions and GUIDs, of
	// EffectDelay and of the record.
	// Latencies and delays of answers run by real time. nil means time.Now.
	Now func() time.Time

	// Adopt makes the first GUID that is presented for an inspector without a
	// session its session, and the first password its password.
	Adopt bool

	// Rotate is AUTHMODE 2: a poll brings a new GUID once the present one is
	// GUIDInterval old, and each is valid for GUIDTimeout [cec_07_0005,
	// cec_05_40110]. 0 means 60 s and 120 s.
	//
	// The vendor's words leave open whether the sign-in's own GUID is good for calls
	// before the first poll has answered with another, and whether an old one is good
	// until it times out. Here neither is, unless a field says so.
	Rotate           bool
	GUIDInterval     time.Duration
	GUIDTimeout      time.Duration
	SignInGUIDServes bool
	OldGUIDServes    bool

	// SessionTimeout is how long a session lasts without a poll [cec_07_1274].
	// 0 means 2 minutes.
	SessionTimeout time.Duration

	// PollWait is how long a poll waits for an event. 0 means 10 s.
	PollWait time.Duration

	// SignInTime is how long a sign-in that works takes to answer, in real time.
	SignInTime time.Duration

	// LockAfter is how many wrong passwords lock an account. 0 means 5 [I]. It is
	// locked for LockTime, which begins anew with each try; 0 means for ever.
	LockAfter int
	LockTime  time.Duration

	// Push says that the gateway pushes events: polls are answered 000-001.
	Push bool

	// CannotForce answers every sign-in 100-015 while somebody is signed in.
	CannotForce bool

	// NoStateRight answers questions for agents' states 300-001.
	NoStateRight bool

	// NoOwnState is a release without the question for one's own state: 404.
	NoOwnState bool

	// StrayEvery answers every so-manieth call of a session 100-006, as the node does
	// to which a balancer took it by mistake; StrayAt does so once, to the call of that
	// number. 0 means none.
	StrayEvery, StrayAt int

	// Form is how answers are written.
	Form Form

	// GUIDForm is where a sign-in's answer has the GUID.
	GUIDForm GUIDForm

	// Sticky refuses calls without the cookie of their sign-in, as where a load
	// balancer takes them to another node.
	Sticky bool

	// AbsentRetcode is the answer to a forced sign-out of an agent who is not
	// signed in. "" means "900-003", the likeliest; "0" and "100-008" are
	// possible as well: no code is documented for it [I].
	AbsentRetcode string

	// UnknownBare404 makes ids out of range get a bare 404, as from routing that
	// does not know them [I], in place of 000-002.
	UnknownBare404 bool

	// Numbers makes state queries answer numbers as JSON numbers. Releases
	// differ [cec_07_0415].
	Numbers bool

	// EffectDelay is how long after the answer "0" an agent is signed out.
	EffectDelay time.Duration

	// Seed is of the random faults.
	Seed uint64

	// CallLog is how many calls the record keeps; the oldest go first. 0 means
	// 100,000.
	CallLog int
}

// Gateway is one simulated gateway. It is an http.Handler, safe for concurrent
// use. It has no goroutines of its own and needs no Close.
type Gateway struct {
	cfg        Config
	opened     time.Time
	record     *record
	operations []operation

	mu           sync.Mutex
	rand         *rand.Rand
	faults       Faults
	inspectors   map[string]*inspector
	agents       map[string]person
	plans        map[string][]Answer // for forced sign-outs, by agent
	statePlans   map[string][]Answer // for state queries, by agent
	sessionPlans map[string][]Answer // for a session's own calls, by operation and inspector
	inFlight     map[string]bool     // agents whose forced sign-out is not answered
	recovery     recovery
	holds        int
	held         chan struct{} // closed when the last hold is released; nil without one
}

// New returns a gateway in which every agent is signed in and no inspector is.
func New(cfg Config) *Gateway {
	cfg = cfg.withDefaults()
	return &Gateway{
		cfg:          cfg,
		opened:       cfg.Now(),
		record:       newRecord(cfg.Now, cfg.CallLog),
		rand:         rand.New(rand.NewPCG(cfg.Seed, 0)),
		operations:   operations(),
		inspectors:   map[string]*inspector{},
		agents:       map[string]person{},
		plans:        map[string][]Answer{},
		statePlans:   map[string][]Answer{},
		sessionPlans: map[string][]Answer{},
		inFlight:     map[string]bool{},
	}
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.AbsentRetcode = cmp.Or(c.AbsentRetcode, codeUnavailable)
	c.GUIDInterval = cmp.Or(c.GUIDInterval, time.Minute)
	c.GUIDTimeout = cmp.Or(c.GUIDTimeout, 2*time.Minute)
	c.SessionTimeout = cmp.Or(c.SessionTimeout, 2*time.Minute)
	c.PollWait = cmp.Or(c.PollWait, 10*time.Second)
	c.LockAfter = cmp.Or(c.LockAfter, 5)
	return c
}
