package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Answer is a scripted answer: the gateway's own under HTTP 200, or a raw HTTP
// answer where HTTPStatus is set, or a fault.
type Answer struct {
	Retcode string // "0" signs the agent out
	Message string

	HTTPStatus int
	Header     http.Header
	Body       []byte

	Fault Fault

	Delay  time.Duration // before the answer
	Effect bool          // sign the agent out, whatever the answer says

	result map[string]any
}

// Fault is a way in which an answer does not come as it should.
type Fault string

// The faults.
const (
	FaultHang       Fault = "hang"        // no answer until the client goes away
	FaultReset      Fault = "reset"       // connection closed without an answer
	FaultAnswerLost Fault = "answer_lost" // the agent is signed out, then as FaultReset
	FaultHTML       Fault = "html"        // a proxy's 502 page
	FaultHuge       Fault = "huge"        // a body of 10 MB
	FaultRedirect   Fault = "redirect"    // 302 to the same resource elsewhere
	FaultHalfJSON   Fault = "half_json"   // the body ends in the middle
	FaultEmpty      Fault = "empty"       // HTTP 200 with no body
)

// Plan scripts the next force-logout calls for one agent, one answer each. Then
// the rules hold again.
func (g *Gateway) Plan(workNo string, answers ...Answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.plans[workNo] = append(g.plans[workNo], answers...)
}

// PlanState does for state queries what Plan does for force-logout calls.
func (g *Gateway) PlanState(workNo string, answers ...Answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.states[workNo] = append(g.states[workNo], answers...)
}

func take(plans map[string][]Answer, workNo string) (Answer, bool) {
	plan := plans[workNo]
	if len(plan) == 0 {
		return Answer{}, false
	}
	plans[workNo] = plan[1:]
	return plan[0], true
}

// answer sends an answer, or its fault.
func (g *Gateway) answer(w http.ResponseWriter, r *http.Request, call *Call, a Answer) {
	pause(r.Context(), a.Delay)
	call.Fault = a.Fault
	switch a.Fault {
	case "":
		g.write(w, call, a)
	case FaultHang:
		<-r.Context().Done()
	case FaultReset, FaultAnswerLost:
		panic(http.ErrAbortHandler)
	case FaultHTML:
		w.Header().Set("Content-Type", "text/html")
		g.write(w, call, Answer{HTTPStatus: http.StatusBadGateway, Body: []byte("<html><h1>502 Bad Gateway</h1></html>")})
	case FaultHuge:
		g.write(w, call, Answer{HTTPStatus: http.StatusOK, Body: bytes.Repeat([]byte("x"), 10<<20)})
	case FaultRedirect:
		g.write(w, call, Answer{HTTPStatus: http.StatusFound, Header: http.Header{"Location": {r.URL.Path + "/elsewhere"}}})
	case FaultHalfJSON:
		g.write(w, call, Answer{HTTPStatus: http.StatusOK, Body: []byte(`{"message":"","retco`)})
	case FaultEmpty:
		g.write(w, call, Answer{HTTPStatus: http.StatusOK})
	}
}

// write sends what the answer holds. Everything that the gateway itself says
// comes under HTTP 200.
func (g *Gateway) write(w http.ResponseWriter, call *Call, a Answer) {
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	if a.HTTPStatus != 0 {
		call.HTTPStatus = a.HTTPStatus
		w.WriteHeader(a.HTTPStatus)
		_, _ = w.Write(a.Body)
		return
	}
	call.HTTPStatus, call.Retcode = http.StatusOK, a.Retcode
	if a.result == nil {
		a.result = map[string]any{}
	}
	body, err := json.Marshal(map[string]any{"message": a.Message, "retcode": a.Retcode, "result": a.result})
	if err != nil {
		panic(err) // a map of strings and numbers
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_, _ = w.Write(body)
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
