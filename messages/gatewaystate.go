package messages

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// The states of a gateway.
const (
	GatewayUp   = "up"
	GatewayDown = "down" // calls are halted, one is tried from time to time
)

// GatewayState is a live event: a worker has found the gateway down, or back. It
// goes out on Prefix.GatewayState and is not stored.
type GatewayState struct {
	VCC    string    `json:"vcc"`
	Worker string    `json:"worker"` // instance name
	State  string    `json:"state"`  // GatewayUp or GatewayDown
	Error  string    `json:"error,omitzero"`
	At     time.Time `json:"at,omitzero"`
}

// Encode returns the event's JSON. Texts and times are treated as in
// Result.Encode.
func (s GatewayState) Encode() ([]byte, error) {
	e := newEvent(256)
	e.must("vcc", s.VCC)
	e.must("worker", s.Worker)
	e.must("state", s.State)
	e.text("error", clip(s.Error))
	e.time("at", s.At)
	data, err := e.end()
	if err != nil {
		return nil, fmt.Errorf("encode state of the gateway of %s: %w", quote(s.VCC), err)
	}
	return data, nil
}

// DecodeGatewayState reads a live event. Unknown fields are accepted.
func DecodeGatewayState(data []byte) (GatewayState, error) {
	var s GatewayState
	if err := json.Unmarshal(data, &s); err != nil {
		return GatewayState{}, fmt.Errorf("decode state of a gateway: %w", err)
	}
	if s.State == "" {
		return GatewayState{}, errors.New("decode state of a gateway: no state")
	}
	return s, nil
}
