// Package sim is a simulated CC-Gateway that speaks the real one's HTTP
// protocol, for the demo, tests, benchmarks and first steps. It keeps a record
// of every call, so that a test can see what a gateway would have seen.
package sim

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Config is what a simulated gateway is made with. The zero value is a faithful,
// fast gateway.
type Config struct {
	Now            func() time.Time // clock of the agents' sign-ins; nil means time.Now
	AdoptSessions  bool             // the first GUID presented for an inspector without a session becomes its session
	AbsentRetcode  string           // answer for an agent who is not signed in; "" means 900-003, the likeliest
	UnknownBare404 bool             // ids out of range get a bare 404, as from older releases, and not 000-002
	Numbers        bool             // state queries answer numbers as numbers, not as strings
	EffectDelay    time.Duration    // how long after answer 0 an agent's state changes
	Seed           uint64           // of the random faults
	CallLog        int              // how many calls the record keeps, the oldest go first; 0 means 100,000
}

// Agent is what the gateway knows of one agent. Agents that nobody set are
// signed in and idle.
type Agent struct {
	SignedIn bool
	OnCall   bool
	LoginAt  time.Time // when the present sign-in began
	Unknown  bool      // state queries answer 300-002
}

// Gateway is one simulated gateway. It is an http.Handler, safe for concurrent use.
type Gateway struct {
	cfg    Config
	mux    *http.ServeMux
	record *record

	mu        sync.Mutex
	rand      *rand.Rand
	faults    Faults
	guids     map[string]string // by inspector
	forbidden map[string]bool
	agents    map[string]Agent
	plans     map[string][]Answer // force-logout calls, by agent
	states    map[string][]Answer // state queries, by agent
	inFlight  map[string]bool     // agents with a force-logout call in flight
	held      chan struct{}       // closed by release; nil where calls are not held
}

// New returns a gateway in which every agent is signed in and no inspector is.
func New(cfg Config) *Gateway {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.AbsentRetcode == "" {
		cfg.AbsentRetcode = "900-003"
	}
	g := &Gateway{
		cfg: cfg, mux: http.NewServeMux(), record: newRecord(cfg.CallLog),
		rand:  rand.New(rand.NewPCG(cfg.Seed, 0)),
		guids: map[string]string{}, forbidden: map[string]bool{}, agents: map[string]Agent{},
		plans: map[string][]Answer{}, states: map[string][]Answer{}, inFlight: map[string]bool{},
	}
	g.routes()
	return g
}

// GiveSession signs an inspector in with a GUID that does not change (AUTHMODE 1).
func (g *Gateway) GiveSession(inspector, guid string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.guids[inspector] = guid
}

// EndSession signs an inspector out: its calls are answered 100-006 from then on.
func (g *Gateway) EndSession(inspector string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.guids, inspector)
}

// Forbid takes the right to quality control from an inspector, or gives it back:
// without it, force-logout calls are answered 900-002.
func (g *Gateway) Forbid(inspector string, forbidden bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forbidden[inspector] = forbidden
}

// SetAgent says how an agent is.
func (g *Gateway) SetAgent(workNo string, a Agent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.agents[workNo] = a
}

// Agent returns how an agent is.
func (g *Gateway) Agent(workNo string) Agent {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.agent(workNo)
}

func (g *Gateway) agent(workNo string) Agent {
	if a, set := g.agents[workNo]; set {
		return a
	}
	return Agent{SignedIn: true, LoginAt: g.cfg.Now().Add(-8 * time.Hour)}
}

// signOut is the effect of a successful call. It reports whether it changed
// anything.
func (g *Gateway) signOut(workNo string) bool {
	a := g.agent(workNo)
	if !a.SignedIn {
		return false
	}
	if g.cfg.EffectDelay == 0 {
		g.agents[workNo] = Agent{}
		return true
	}
	time.AfterFunc(g.cfg.EffectDelay, func() { g.SetAgent(workNo, Agent{}) })
	return true
}
