package sim

import (
	"net/http"
	"time"
)

// The resources [cec_07_0441, cec_07_0415].
func (g *Gateway) routes() {
	const base = "/agentgateway/resource"
	g.mux.HandleFunc("POST "+base+"/qualitycontrol/{agentid}/forcelogout/{workNo}", g.forceLogout)
	g.mux.HandleFunc("GET "+base+"/agentgroup/{agentid}/agentbyworkno/{workNo}", g.agentState)
}

// ServeHTTP answers one call and puts it into the record.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, pattern := g.mux.Handler(r)
	if pattern == "" {
		call := g.begin(r, OpOther)
		noted := &notedWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() { call.HTTPStatus = noted.status; g.record.end(call) }()
		g.mux.ServeHTTP(noted, r)
		return
	}
	g.mux.ServeHTTP(w, r)
}

// notedWriter remembers the status that the mux answers with.
type notedWriter struct {
	http.ResponseWriter
	status int
}

func (w *notedWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (g *Gateway) begin(r *http.Request, op string) *Call {
	call := &Call{
		Start: time.Now(), Method: r.Method, Path: r.URL.EscapedPath(), Op: op,
		Inspector: r.PathValue("agentid"), WorkNo: r.PathValue("workNo"), GUID: r.Header.Get("Guid"),
	}
	g.record.begin(call)
	return call
}

// forceLogout is the call that this project exists for [cec_07_0441].
func (g *Gateway) forceLogout(w http.ResponseWriter, r *http.Request) {
	call := g.begin(r, OpForceLogout)
	defer g.record.end(call)
	g.mu.Lock()
	held, faults := g.held, g.faults
	g.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done():
			call.Fault = FaultHang
			return
		}
	}
	if !g.enter(call) {
		g.write(w, call, Answer{Retcode: "000-007", Message: "called again before the answer"})
		return
	}
	defer g.exit(call)
	pause(r.Context(), faults.Latency)
	answer := g.decide(call)
	if answer.Effect {
		g.mu.Lock()
		call.Effect = g.signOut(call.WorkNo)
		g.mu.Unlock()
	}
	g.answer(w, r, call, answer)
}

// enter refuses a second call for an agent before the first is answered.
func (g *Gateway) enter(call *Call) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inFlight[call.WorkNo] {
		return false
	}
	g.inFlight[call.WorkNo] = true
	return true
}

func (g *Gateway) exit(call *Call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.inFlight, call.WorkNo)
}

// decide returns the answer to a force-logout call: the script's, a random
// fault, or what the rules say.
func (g *Gateway) decide(call *Call) Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	if refusal, refused := g.refuse(call); refused {
		return refusal
	}
	if planned, ok := take(g.plans, call.WorkNo); ok {
		if planned.Retcode == "0" || planned.Fault == FaultAnswerLost {
			planned.Effect = true
		}
		return planned
	}
	if g.faults.HangRate > 0 && g.rand.Float64() < g.faults.HangRate {
		return Answer{Fault: FaultHang}
	}
	switch {
	case g.faults.Down:
		return Answer{Retcode: "900-001", Message: "no provider"}
	case g.faults.FailRate > 0 && g.rand.Float64() < g.faults.FailRate:
		return Answer{Retcode: g.faults.retcode(), Message: "simulated failure"}
	case g.forbidden[call.Inspector]:
		return Answer{Retcode: "900-002", Message: "no right"}
	case call.WorkNo == call.Inspector:
		return Answer{Retcode: "000-005", Message: "the target is the caller"}
	case !g.agent(call.WorkNo).SignedIn:
		return Answer{Retcode: g.cfg.AbsentRetcode, Message: "resource not available"}
	default:
		return Answer{Retcode: "0", Effect: true}
	}
}

// refuse checks who calls, and about whom [cec_07_0580].
func (g *Gateway) refuse(call *Call) (Answer, bool) {
	if !validID(call.Inspector) || !validID(call.WorkNo) {
		if g.cfg.UnknownBare404 {
			return Answer{HTTPStatus: http.StatusNotFound}, true
		}
		return Answer{Retcode: "000-002", Message: "bad parameter"}, true
	}
	guid, signedIn := g.guids[call.Inspector]
	switch {
	case !signedIn && g.cfg.AdoptSessions && call.GUID != "":
		g.guids[call.Inspector] = call.GUID
	case !signedIn:
		return Answer{Retcode: "100-006", Message: "not signed in"}, true
	case guid != call.GUID:
		return Answer{Retcode: "000-003", Message: "no permission"}, true
	}
	return Answer{}, false
}

// validID is the range of agent ids: 101–999999 [cec_07_0441].
func validID(id string) bool {
	if len(id) < 3 || len(id) > 6 || id[0] == '0' || id < "101" && len(id) == 3 {
		return false
	}
	for _, c := range []byte(id) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
