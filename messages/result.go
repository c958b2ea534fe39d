package messages

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// Result is the one terminal event of a command. Zero fields other than
// Attempts are left out of the JSON.
type Result struct {
	ID          string            `json:"id"`
	VCC         string            `json:"vcc"`
	WorkNo      string            `json:"workNo"`
	Inspector   string            `json:"inspector,omitzero"` // the one that acted
	Reason      string            `json:"reason,omitzero"`
	RequestedBy string            `json:"requestedBy,omitzero"`
	Meta        map[string]string `json:"meta,omitempty"`
	NotBefore   time.Time         `json:"notBefore,omitzero"` // for when it was planned, zero for at once
	Outcome     Outcome           `json:"outcome"`
	Cause       Cause             `json:"cause,omitzero"`       // for outcomes other than signed_out
	Retcode     string            `json:"retcode,omitzero"`     // the gateway's last answer, as given
	Message     string            `json:"message,omitzero"`     // the gateway's last answer, as given
	HTTPStatus  int               `json:"httpStatus,omitzero"`  // the gateway's last answer
	Error       string            `json:"error,omitzero"`       // one human sentence
	Attempts    int               `json:"attempts"`             // gateway calls made
	Redelivered bool              `json:"redelivered,omitzero"` // an earlier worker may already have called the gateway
	Confirmed   *bool             `json:"confirmed,omitzero"`   // whether the sign-out was seen; nil if not asked
	AgentState  AgentState        `json:"agentState,omitzero"`  // as last told before the call; "" if not asked
	Conditions  string            `json:"conditions,omitzero"`  // ConditionsUnknown where one could not be asked
	Returned    *bool             `json:"returned,omitzero"`    // whether the agent was signed in again at the later look; nil if nobody could see
	IssuedAt    time.Time         `json:"issuedAt,omitzero"`
	StartedAt   time.Time         `json:"startedAt,omitzero"`
	FinishedAt  time.Time         `json:"finishedAt,omitzero"` // with a later look: of the sign-out
	Worker      string            `json:"worker,omitzero"`     // instance name
}

// Encode returns the result's JSON. Gateway text is data from outside: retcode,
// message and error are cut to 1024 bytes each, invalid UTF-8 is replaced. Times
// are UTC, cut to milliseconds. It fails only for a year beyond 9999.
// Keep it in step with the tags of Result.
func (r Result) Encode() ([]byte, error) {
	e := newEvent(496)
	e.must("id", r.ID)
	e.must("vcc", r.VCC)
	e.must("workNo", r.WorkNo)
	e.text("inspector", r.Inspector)
	e.text("reason", r.Reason)
	e.text("requestedBy", r.RequestedBy)
	e.texts("meta", r.Meta)
	e.time("notBefore", r.NotBefore)
	e.must("outcome", string(r.Outcome))
	e.text("cause", string(r.Cause))
	e.text("retcode", clip(r.Retcode))
	e.text("message", clip(r.Message))
	e.number("httpStatus", r.HTTPStatus)
	e.text("error", clip(r.Error))
	e.count("attempts", r.Attempts)
	e.flag("redelivered", r.Redelivered)
	e.truth("confirmed", r.Confirmed)
	e.text("agentState", string(r.AgentState))
	e.text("conditions", r.Conditions)
	e.truth("returned", r.Returned)
	e.time("issuedAt", r.IssuedAt)
	e.time("startedAt", r.StartedAt)
	e.time("finishedAt", r.FinishedAt)
	e.text("worker", r.Worker)
	data, err := e.end()
	if err != nil {
		return nil, fmt.Errorf("encode result of %s: %w", quote(r.ID), err)
	}
	return data, nil
}

// DecodeResult reads a result. Unknown fields, outcomes and causes are accepted:
// observers must survive extensions. A payload without an id is no result.
func DecodeResult(data []byte) (Result, error) {
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return Result{}, fmt.Errorf("decode result: %w", err)
	}
	if r.ID == "" {
		return Result{}, errors.New("decode result: no id")
	}
	return r, nil
}
