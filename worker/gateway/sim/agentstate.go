package sim

import (
	"net/http"
	"strconv"
)

// noLogin is what a gateway gives as logindate of an agent who is signed out
// [cec_07_0415].
const noLogin = 4294967295000

// agentState answers a state query [cec_07_0415].
func (g *Gateway) agentState(w http.ResponseWriter, r *http.Request) {
	call := g.begin(r, OpAgentState)
	defer g.record.end(call)
	g.mu.Lock()
	answer, decided := g.refuse(call)
	if !decided {
		answer, decided = take(g.states, call.WorkNo)
	}
	agent := g.agent(call.WorkNo)
	g.mu.Unlock()
	switch {
	case decided:
	case agent.Unknown:
		answer = Answer{Retcode: "300-002", Message: "unknown agent"}
	default:
		answer = Answer{Retcode: "0", result: g.state(call.WorkNo, agent)}
	}
	g.answer(w, r, call, answer)
}

// state is a result body: status 2 or ctiStatus 0 is signed out, status 7 or
// ctiStatus 2-5 is on a call [cec_07_0581].
func (g *Gateway) state(workNo string, a Agent) map[string]any {
	status, cti, login := 4, 1, a.LoginAt.UnixMilli()
	switch {
	case !a.SignedIn:
		status, cti, login = 2, 0, noLogin
	case a.OnCall:
		status, cti = 7, 4
	}
	number := func(n int64) any {
		if g.cfg.Numbers {
			return n
		}
		return strconv.FormatInt(n, 10)
	}
	return map[string]any{
		"workno": workNo, "name": "Agent " + workNo, "status": number(int64(status)), "ctiStatus": number(int64(cti)),
		"groupid": number(1), "groupname": "default", "callids": []string{}, "currentstatetime": number(60),
		"logindate": number(login),
	}
}
