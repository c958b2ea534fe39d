package sim

import (
	"net/http"
	"time"
)

// Answer is a scripted answer: the gateway's own, or a raw HTTP answer where
// HTTPStatus is set, or a fault. With none of Retcode, HTTPStatus and Fault it
// is what the rules say, with this Delay and Effect.
type Answer struct {
	Retcode string // under HTTP 200, "0" signs the agent out
	Message string

	// HTTPStatus makes it a raw answer with Header and Body. With Retcode and
	// without Body, the body is the gateway's JSON.
	HTTPStatus int
	Header     http.Header
	Body       []byte

	Fault Fault

	Delay  time.Duration // before the answer and after the effect, in real time
	Effect bool          // sign the agent out, whatever the answer says

	result any // of the gateway's JSON; nil means an empty object
	event  any // in its place, for a poll
}

// Fault is a way in which an answer does not come as it should.
type Fault string

// The faults. None but FaultAnswerLost signs the agent out, unless the Answer's
// Effect says so.
const (
	FaultHang       Fault = "hang"        // no answer until the client goes away or the server closes
	FaultReset      Fault = "reset"       // TCP reset in place of an answer
	FaultAnswerLost Fault = "answer_lost" // the agent is signed out, then the connection closed without an answer
	FaultHTML       Fault = "html"        // a proxy's 502 page
	FaultHuge       Fault = "huge"        // HTTP 200 with 10 MB of JSON that claims retcode "0"
	FaultRedirect   Fault = "redirect"    // 302 to another path of this server
	FaultHalfJSON   Fault = "half_json"   // HTTP 200, the body ends in the middle
	FaultEmpty      Fault = "empty"       // HTTP 200 with no body
)

// byRule reports whether the rules decide and not this script.
func (a Answer) byRule() bool { return a.Retcode == "" && a.HTTPStatus == 0 && a.Fault == "" }

func (a Answer) takesEffect() bool {
	success := a.Retcode == codeSuccess && a.HTTPStatus == 0 && a.Fault == ""
	return a.Effect || success || a.Fault == FaultAnswerLost
}

// Plan scripts the next force-logout calls for one agent, one answer each; it
// adds to what was planned before. Then the rules hold again. Calls with bad
// ids, with a wrong session or while another call for the agent is in flight
// take nothing from the plan.
func (g *Gateway) Plan(workNo string, answers ...Answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.plans[workNo] = append(g.plans[workNo], answers...)
}

// PlanState does for state queries what Plan does for force-logout calls.
// Nothing in it signs the agent out.
func (g *Gateway) PlanState(workNo string, answers ...Answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.statePlans[workNo] = append(g.statePlans[workNo], answers...)
}

// PlanSession scripts the next calls of one operation that an inspector makes for
// its own session, one answer each, for example OpSignIn. FaultAnswerLost and
// Effect let the rules take effect, other answers do not.
func (g *Gateway) PlanSession(inspectorNo, op string, answers ...Answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := op + " " + inspectorNo
	g.sessionPlans[key] = append(g.sessionPlans[key], answers...)
}

// PlanSignIn is PlanSession for the next sign-ins of an inspector, of whatever kind. A
// plan for the one kind goes before.
func (g *Gateway) PlanSignIn(inspectorNo string, answers ...Answer) {
	g.PlanSession(inspectorNo, anySignIn, answers...)
}

// anySignIn stands for all operations of isSignIn.
const anySignIn = "sign-in"

// planned is the next answer of a session's own call.
func (g *Gateway) planned(call *Call) Answer {
	answer, is := take(g.sessionPlans, call.Op+" "+call.Inspector)
	if !is && isSignIn(call.Op) {
		answer, _ = take(g.sessionPlans, anySignIn+" "+call.Inspector)
	}
	return answer
}

// take removes the next answer of a plan.
func take(plans map[string][]Answer, key string) (Answer, bool) {
	plan := plans[key]
	switch len(plan) {
	case 0:
		return Answer{}, false
	case 1:
		delete(plans, key)
	default:
		plans[key] = plan[1:]
	}
	return plan[0], true
}
