package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/forcelogout/forcelogout/worker/retcode"
)

// Presence is what the gateway knows of an agent's sign-in.
type Presence int

// What a state query can show. PresenceUnknown is the zero value: an answer
// that proves nothing must never count as a proof.
const (
	PresenceUnknown Presence = iota
	PresenceSignedIn
	PresenceSignedOut
)

// Activity is what an agent who is signed in does.
type Activity int

// The activities.
const (
	ActivityUnknown Activity = iota
	Idle
	Busy // they have asked for no calls
	OnCall
	WrapUp // after-call work
	Resting
)

// State is what the gateway tells of an agent.
type State struct {
	Presence
	Doing      Activity
	For        time.Duration // how long they have been at it; zero where the gateway does not tell
	SignedInAt time.Time     // when the present sign-in began; zero where the gateway does not tell
}

// AgentState asks how the agent workNo is [cec_07_0415]. Only
// this query proves that an agent is signed out; no retcode of another call
// does. The error is for everything that kept an answer from coming.
func (c *Client) AgentState(ctx context.Context, s Session, workNo string) (State, Answer, error) {
	reply, err := c.call(ctx, s, http.MethodGet, nil, "agentgroup", s.Inspector, "agentbyworkno", workNo)
	if err == nil && c.unknownIsAbsent && reply.HTTPStatus == http.StatusOK && reply.Retcode == retcode.NoAgent {
		return State{Presence: PresenceSignedOut}, reply.Answer, nil
	}
	if err != nil || !reply.succeeded() {
		return State{}, reply.Answer, err
	}
	return parseState(reply.body, workNo), reply.Answer, nil
}

// OwnState asks for the inspector's own state [cec_07_0581]: retcode "0" says
// that the session is accepted. It changes nothing and is no heartbeat.
func (c *Client) OwnState(ctx context.Context, s Session) (Answer, error) {
	reply, err := c.call(ctx, s, http.MethodGet, nil, "onlineagent", s.Inspector, "agentstatus")
	return reply.Answer, err
}

// noSignIn is the logindate of an agent who is not signed in, in milliseconds
// [cec_07_0415].
const noSignIn = 4294967295000

// parseState reads status and ctiStatus [cec_07_0415, cec_07_0581]: signed out
// is status 2 or ctiStatus 0; see activity for the others. Releases send
// numbers or strings. Where the two contradict each other, as they may while an
// agent signs in or out, and where a value is none of the known, nothing is proven.
func parseState(body []byte, workNo string) State {
	var reply struct {
		Result struct {
			WorkNo    json.RawMessage `json:"workno"`
			Status    json.RawMessage `json:"status"`
			CTIStatus json.RawMessage `json:"ctiStatus"`
			LoginDate json.RawMessage `json:"logindate"`
			Since     json.RawMessage `json:"currentstatetime"`
		} `json:"result"`
	}
	if json.Unmarshal(body, &reply) != nil {
		return State{}
	}
	if said := text(reply.Result.WorkNo); said != "" && said != workNo {
		return State{}
	}
	status, statusKnown := number(reply.Result.Status)
	cti, ctiKnown := number(reply.Result.CTIStatus)
	if statusKnown && (status < 1 || status > 9) || ctiKnown && (cti < 0 || cti > 9) {
		return State{}
	}
	out, in := statusKnown && status == 2 || ctiKnown && cti == 0, statusKnown && status != 2 || ctiKnown && cti != 0
	switch {
	case out == in:
		return State{}
	case out:
		return State{Presence: PresenceSignedOut}
	}
	s := State{Presence: PresenceSignedIn, Doing: activity(status, cti)}
	if seconds, known := number(reply.Result.Since); known && seconds > 0 && seconds < longestState {
		s.For = time.Duration(seconds) * time.Second
	}
	login, err := strconv.ParseInt(text(reply.Result.LoginDate), 10, 64)
	if err == nil && login > 0 && login < noSignIn {
		s.SignedInAt = time.UnixMilli(login)
	}
	return s
}

// longestState is a time that is none, in seconds.
const longestState = 7 * 24 * 60 * 60

// activity is what status and ctiStatus mean [cec_07_0581]; 0 stands for one that is not
// told. Where the two contradict each other, what spares the agent counts.
func activity(status, cti int) Activity {
	byStatus, byCTI := activityOfStatus(status), activityOfCTI(cti)
	for _, first := range []Activity{OnCall, WrapUp} {
		if byStatus == first || byCTI == first {
			return first
		}
	}
	if byStatus != ActivityUnknown {
		return byStatus
	}
	return byCTI
}

func activityOfStatus(status int) Activity {
	switch status {
	case 3:
		return Busy
	case 4, 6:
		return Idle
	case 5:
		return WrapUp
	case 7:
		return OnCall
	case 8, 9: // resting, and about to
		return Resting
	}
	return ActivityUnknown
}

func activityOfCTI(cti int) Activity {
	switch cti {
	case 1:
		return Idle
	case 2, 3, 4, 5:
		return OnCall
	case 6:
		return WrapUp
	case 7:
		return Busy
	case 8:
		return Resting
	}
	return ActivityUnknown
}

// number reads a number that may come as a string.
func number(raw []byte) (n int, known bool) {
	said := text(raw)
	if said == "" {
		return 0, false
	}
	n, err := strconv.Atoi(said)
	if err != nil {
		return -1, true // there is something, and nobody knows what
	}
	return n, true
}

// String is for logs.
func (p Presence) String() string {
	switch p {
	case PresenceSignedIn:
		return "signed in"
	case PresenceSignedOut:
		return "signed out"
	default:
		return "unknown"
	}
}
