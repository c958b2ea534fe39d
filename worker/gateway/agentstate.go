package gateway

import (
	"context"
	"encoding/json"
	"net/http"
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

// AgentState asks whether the agent workNo is signed in [cec_07_0415]. Only
// this query proves that an agent is signed out; no retcode of another call
// does. The error is for everything that kept an answer from coming.
func (c *Client) AgentState(ctx context.Context, s Session, workNo string) (Presence, Answer, error) {
	reply, err := c.call(ctx, s, http.MethodGet, nil, "agentgroup", s.Inspector, "agentbyworkno", workNo)
	if err != nil || !reply.succeeded() {
		return PresenceUnknown, reply.Answer, err
	}
	return parsePresence(reply.body, workNo), reply.Answer, nil
}

// OwnState asks for the inspector's own state [cec_07_0581]: retcode "0" says
// that the session is accepted. It changes nothing and is no heartbeat.
func (c *Client) OwnState(ctx context.Context, s Session) (Answer, error) {
	reply, err := c.call(ctx, s, http.MethodGet, nil, "onlineagent", s.Inspector, "agentstatus")
	return reply.Answer, err
}

// parsePresence reads status and ctiStatus [cec_07_0415, cec_07_0581]: signed
// out is status 2 or ctiStatus 0. Releases send numbers or strings.
func parsePresence(body []byte, workNo string) Presence {
	var reply struct {
		Result struct {
			WorkNo    json.RawMessage `json:"workno"`
			Status    json.RawMessage `json:"status"`
			CTIStatus json.RawMessage `json:"ctiStatus"`
		} `json:"result"`
	}
	if json.Unmarshal(body, &reply) != nil {
		return PresenceUnknown
	}
	if said := text(reply.Result.WorkNo); said != "" && said != workNo {
		return PresenceUnknown
	}
	status, cti := text(reply.Result.Status), text(reply.Result.CTIStatus)
	switch {
	case status == "2" || cti == "0":
		return PresenceSignedOut
	case status == "" && cti == "":
		return PresenceUnknown
	default:
		return PresenceSignedIn
	}
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
