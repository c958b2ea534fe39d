package sim

import (
	"sync"
	"time"
)

// Call is one call as the gateway saw it.
type Call struct {
	Seq        int // in the order of the calls' starts, from 1
	Start, End time.Time
	Method     string
	Path       string // as it came, escaped, without the query
	Op         string // one of the Op… constants
	Inspector  string // "" where the path is unknown
	WorkNo     string // "" where the call is about nobody else
	GUID       string // the Guid header as it came; "" where there was none
	Cookie     string // the Cookie header as it came
	Retcode    string // "" where the gateway itself answered none
	HTTPStatus int    // 0 where the connection ended without an answer
	Fault      Fault  // FaultHang also for a held call whose client went away
	Effect     bool   // this call signed the agent out
	Abandoned  bool   // the client went away, or the server closed, before the answer: it was not sent
}

// The operations of a Call.
const (
	OpForceLogout    = "forcelogout"   // POST …/qualitycontrol/{agentid}/forcelogout/{workNo} [cec_07_0441]
	OpAgentState     = "agentbyworkno" // GET …/agentgroup/{agentid}/agentbyworkno/{workno} [cec_07_0415]
	OpSignIn         = "login"         // PUT …/onlineagent/{agentid} [cec_07_1202]
	OpForceSignIn    = "forcelogin"    // PUT …/onlineagent/{agentid}/forcelogin [cec_07_1203]
	OpPlatformSignIn = "loginex"       // PUT …/onlineagent/{agentid}/loginex [cec_07_0357]

	OpForcePlatformSignIn = "forceloginex" // PUT …/onlineagent/{agentid}/forceloginex [I]

	OpSignOut    = "logout"      // DELETE …/onlineagent/{agentid}/logout, or forcelogout there [cec_05_4015]
	OpOwnState   = "agentstatus" // GET …/onlineagent/{agentid}/agentstatus [cec_07_0581]
	OpUpdateGUID = "updateGuid"  // PUT …/onlineagent/{agentid}/updateGuid [cec_07_0358]
	OpHandshake  = "handshake"   // POST …/onlineagent/{agentid}/handshake [cec_07_1204]
	OpPoll       = "agentevent"  // GET …/agentevent/{agentid} [cec_07_1274]
	OpOther      = "other"       // unknown path (404) or wrong method (405)
)

const defaultCallLog = 100_000

// record keeps the calls, and wakes who waits for one. Its ended calls are a
// ring, so that a long run costs the same at each call.
type record struct {
	now   func() time.Time
	limit int

	mu          sync.Mutex
	changed     chan struct{} // closed at the next change; nil if nobody waits
	begun       int
	ended       []Call
	endedTotal  int // also those that the ring has lost
	inFlight    int // force-logout calls
	maxInFlight int

	open      map[*Call]struct{} // those of which there must not be two at once
	suspected []suspicion
	breaches  []Breach // the first ones

	breachCounts map[string]int // of all, by kind
}

func newRecord(now func() time.Time, limit int) *record {
	if limit <= 0 {
		limit = defaultCallLog
	}
	return &record{now: now, limit: limit, open: map[*Call]struct{}{}, breachCounts: map[string]int{}}
}

func (r *record) begin(call *Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun++
	call.Seq, call.Start = r.begun, r.now()
	r.overlaps(call)
	if call.Op == OpForceLogout {
		r.inFlight++
		r.maxInFlight = max(r.maxInFlight, r.inFlight)
	}
	r.announce()
}

func (r *record) end(call *Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	call.End = r.now()
	r.decideOverlaps(call)
	if call.Op == OpForceLogout {
		r.inFlight--
	}
	if len(r.ended) < r.limit {
		r.ended = append(r.ended, *call)
	} else {
		r.ended[r.endedTotal%r.limit] = *call
	}
	r.endedTotal++
	r.announce()
}

// since copies the calls that ended after the first n, in the order of their
// ends, and returns how many have ended. What the ring has lost is left out.
func (r *record) since(n int) ([]Call, int) {
	n = max(n, r.endedTotal-len(r.ended))
	calls := make([]Call, 0, r.endedTotal-n)
	for ; n < r.endedTotal; n++ {
		calls = append(calls, r.ended[n%r.limit])
	}
	return calls, r.endedTotal
}

func (r *record) announce() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// waiting says that a call has begun to wait.
func (r *record) waiting() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.announce()
}

// change returns a channel that is closed at the next change.
func (r *record) change() <-chan struct{} {
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed
}
