// Package sim is a simulated CC-Gateway that speaks the real one's HTTP
// protocol, for the demo, tests, benchmarks and first steps. It keeps a record
// of every call, so that a test can see what a gateway would have seen.
//
// It knows two operations, the forced sign-out and the question for an agent's
// state. Sessions are given to it: it knows no sign-in, no event poll and no
// GUID rotation, so its sessions do not expire by themselves.
//
// Facts carry the page of the vendor's API reference that they come from, for
// example [cec_07_0441]; [I] marks what is inferred.
package sim

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Config is what a simulated gateway is made with. The zero value is a faithful,
// fast gateway.
type Config struct {
	// Now is the gateway's clock: of sign-ins, of EffectDelay and of the record.
	// Latencies and delays of answers run by real time. nil means time.Now.
	Now func() time.Time

	// AdoptSessions makes the first GUID that is presented for an
	// inspector without a session its session.
	AdoptSessions bool

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
	cfg    Config
	opened time.Time
	record *record

	mu         sync.Mutex
	rand       *rand.Rand
	faults     Faults
	inspectors map[string]inspector
	agents     map[string]person
	plans      map[string][]Answer // for forced sign-outs, by agent
	statePlans map[string][]Answer // for state queries, by agent
	inFlight   map[string]bool     // agents whose forced sign-out is not answered
	holds      int
	held       chan struct{} // closed when the last hold is released; nil without one
}

// New returns a gateway in which every agent is signed in and no inspector is.
func New(cfg Config) *Gateway {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.AbsentRetcode == "" {
		cfg.AbsentRetcode = codeUnavailable
	}
	return &Gateway{
		cfg:        cfg,
		opened:     cfg.Now(),
		record:     newRecord(cfg.Now, cfg.CallLog),
		rand:       rand.New(rand.NewPCG(cfg.Seed, 0)),
		inspectors: map[string]inspector{},
		agents:     map[string]person{},
		plans:      map[string][]Answer{},
		statePlans: map[string][]Answer{},
		inFlight:   map[string]bool{},
	}
}
