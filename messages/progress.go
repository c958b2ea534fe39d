package messages

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// The phases of a command that a Progress reports.
const (
	PhaseAttempt = "attempt" // the gateway is being called or has answered
	PhaseWait    = "wait"    // the next attempt, or the first, comes later
)

// What a wait is for.
const (
	WaitTime    = "time"     // notBefore
	WaitRetry   = "retry"    // the next call
	WaitSession = "session"  // an inspector who can make it
	WaitGateway = "gateway"  // the end of its outage
	WaitCall    = "call"     // the end of the agent's call, or of its grace
	WaitStayOut = "stay_out" // one more look at an agent who is signed out
	WaitPace    = "pace"     // a turn, where calls per minute are limited
)

// Progress is a live event of a command under way. It is not stored: who does
// not listen misses it.
type Progress struct {
	ID         string    `json:"id"`
	VCC        string    `json:"vcc"`
	WorkNo     string    `json:"workNo"`
	Phase      string    `json:"phase"`               // PhaseAttempt or PhaseWait
	Attempt    int       `json:"attempt,omitzero"`    // number of the attempt, from 1
	Retcode    string    `json:"retcode,omitzero"`    // the gateway's last answer
	HTTPStatus int       `json:"httpStatus,omitzero"` // the gateway's last answer
	Error      string    `json:"error,omitzero"`
	Until      time.Time `json:"until,omitzero"`      // when a wait ends
	WaitFor    string    `json:"waitFor,omitzero"`    // WaitTime, WaitRetry, …
	HandedBack bool      `json:"handedBack,omitzero"` // the server keeps the command meanwhile
	Worker     string    `json:"worker,omitzero"`     // instance name
	At         time.Time `json:"at,omitzero"`
}

// Encode returns the event's JSON. Texts and times are treated as in
// Result.Encode. Keep it in step with the tags of Progress.
func (p Progress) Encode() ([]byte, error) {
	e := newEvent(256)
	e.must("id", p.ID)
	e.must("vcc", p.VCC)
	e.must("workNo", p.WorkNo)
	e.must("phase", p.Phase)
	e.number("attempt", p.Attempt)
	e.text("retcode", clip(p.Retcode))
	e.number("httpStatus", p.HTTPStatus)
	e.text("error", clip(p.Error))
	e.time("until", p.Until)
	e.text("waitFor", p.WaitFor)
	e.flag("handedBack", p.HandedBack)
	e.text("worker", p.Worker)
	e.time("at", p.At)
	data, err := e.end()
	if err != nil {
		return nil, fmt.Errorf("encode progress of %s: %w", quote(p.ID), err)
	}
	return data, nil
}

// DecodeProgress reads a live event. Unknown fields and phases are accepted. A
// payload without an id is no progress.
func DecodeProgress(data []byte) (Progress, error) {
	var p Progress
	if err := json.Unmarshal(data, &p); err != nil {
		return Progress{}, fmt.Errorf("decode progress: %w", err)
	}
	if p.ID == "" {
		return Progress{}, errors.New("decode progress: no id")
	}
	return p, nil
}
