package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Facts about polling [cec_07_1274, cec_05_4026].
const (
	SessionLife = 2 * time.Minute        // without a poll the gateway signs the inspector out
	PollPause   = 200 * time.Millisecond // least time from an answer to the next poll; 500 ms at most
)

// eventPath is what polls ask for.
const eventPath = "agentevent"

// Event is one event of an inspector's poll. The zero value is none.
type Event struct {
	Type   string
	WorkNo string // whom it is about; an inspector's own events have its number
	Out    string // the agent who has signed out, "" where it is another event
}

// Types of events that matter here [cec_05_4026, cec_07_0541].
const (
	eventShutdown    = "AgentOther_ShutdownService"
	eventAgentState  = "QC_AgentState_Notify"
	subtypeSignedOut = "QC_AgentState_Logout"
)

// Shutdown reports whether the event says that the inspector was signed out.
func (e Event) Shutdown(inspector string) bool {
	return e.Type == eventShutdown && (e.WorkNo == "" || e.WorkNo == inspector)
}

// Poll waits for the inspector's next event; it is the session's heartbeat. How long
// it takes where there is none is the operator's setting: 10 s by default, and up to a
// minute. It returns the session to go on with: an answer may bring another GUID
// [cec_07_0005] and other cookies.
func (c *Client) Poll(ctx context.Context, s Session) (Event, Session, Answer, error) {
	reply, err := c.call(ctx, s, http.MethodGet, nil, eventPath, s.Inspector)
	if err != nil || !reply.succeeded() {
		return Event{}, s, reply.Answer, err
	}
	if reply.GUID != "" {
		s.GUID = reply.GUID
	}
	s.Cookie = cookiesAfter(s.Cookie, (&http.Response{Header: reply.header}).Cookies())
	return parseEvent(reply.body), s, reply.Answer, nil
}

func parseEvent(body []byte) Event {
	var said struct {
		Event *struct {
			Type    json.RawMessage `json:"eventType"`
			WorkNo  json.RawMessage `json:"workNo"`
			Content json.RawMessage `json:"content"`
		} `json:"event"`
	}
	if json.Unmarshal(body, &said) != nil || said.Event == nil {
		return Event{}
	}
	e := Event{Type: clean(text(said.Event.Type), 64), WorkNo: clean(text(said.Event.WorkNo), 32)}
	var content struct {
		Subtype json.RawMessage `json:"subtype"`
		Agent   json.RawMessage `json:"monitoredagent"`
	}
	if e.Type == eventAgentState && json.Unmarshal(said.Event.Content, &content) == nil && text(content.Subtype) == subtypeSignedOut {
		e.Out = clean(text(content.Agent), 32)
	}
	return e
}
