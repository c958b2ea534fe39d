package sim

import (
	"context"
	"strconv"
	"time"
)

// noLogin is the logindate of an agent who is signed out, in milliseconds
// [cec_07_0415].
const noLogin = 4294967295000

// agentState answers a state query [cec_07_0415].
func (g *Gateway) agentState(ctx context.Context, call *Call) Answer {
	answer := g.stateOf(call)
	pause(ctx, answer.Delay)
	if answer.Fault == FaultHang {
		<-ctx.Done()
	}
	return answer
}

func (g *Gateway) stateOf(call *Call) Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	if refused, ok := g.admit(call); !ok {
		return refused
	}
	if g.cfg.NoStateRight {
		return refusal(codeNoStateRight, "no right")
	}
	planned, _ := take(g.statePlans, call.WorkNo)
	if !planned.byRule() {
		return planned
	}
	p := g.person(call.WorkNo)
	if p.Unknown {
		answer := refusal(codeNoAgent, "unknown agent")
		answer.Delay = planned.Delay
		return answer
	}
	return Answer{Retcode: codeSuccess, Delay: planned.Delay, result: g.state(call.WorkNo, p)}
}

// agentResult is the result of a state query. Numbers are strings or numbers
// [cec_07_0415].
type agentResult struct {
	WorkNo           string   `json:"workno"`
	Name             string   `json:"name"`
	Status           any      `json:"status"`
	CTIStatus        any      `json:"ctiStatus"`
	GroupID          any      `json:"groupid"`
	GroupName        string   `json:"groupname"`
	CallIDs          []string `json:"callids"`
	CurrentStateTime any      `json:"currentstatetime"` // seconds in this state
	LoginDate        any      `json:"logindate"`        // milliseconds since 1970
}

// state fills the result: status 2 or ctiStatus 0 is signed out, status 7 or
// ctiStatus 2-5 is on a call, status 5 or ctiStatus 6 after-call work [cec_07_0581].
func (g *Gateway) state(workNo string, p person) agentResult {
	status, cti, login, callIDs := 4, 1, p.LoginAt.UnixMilli(), []string{}
	switch {
	case !p.SignedIn:
		status, cti, login = 2, 0, noLogin
	case p.OnCall:
		status, cti, callIDs = 7, 4, []string{"1700000000-" + workNo}
	case p.WrapUp:
		status, cti = 5, 6
	}
	return agentResult{
		WorkNo: workNo, Name: "Agent " + workNo,
		Status: g.number(int64(status)), CTIStatus: g.number(int64(cti)),
		GroupID: g.number(1), GroupName: "default", CallIDs: callIDs,
		CurrentStateTime: g.number(int64(g.cfg.Now().Sub(p.since) / time.Second)),
		LoginDate:        g.number(login),
	}
}

func (g *Gateway) number(n int64) any {
	if g.cfg.Numbers {
		return n
	}
	return strconv.FormatInt(n, 10)
}
