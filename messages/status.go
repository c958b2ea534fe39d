package messages

import (
	"fmt"

	"github.com/go-json-experiment/json"
)

// WorkerStatus is how one worker of a VCC stands, as it answers on Prefix.Status.
type WorkerStatus struct {
	Worker   string `json:"worker"`   // instance name
	Ready    bool   `json:"ready"`    // it can take and execute commands
	Problem  string `json:"problem"`  // what does not work as it should; "" for nothing
	Gateway  string `json:"gateway"`  // GatewayUp or GatewayDown, as the worker finds it
	InFlight int    `json:"inFlight"` // calls under way
	Parked   int    `json:"parked"`   // commands that wait in the worker
	InHand   int    `json:"inHand"`   // commands that the worker answers for, parked ones included
	Usable   int    `json:"usable"`   // inspectors with a usable session
}

// Encode returns the status's JSON.
func (s WorkerStatus) Encode() ([]byte, error) {
	s.Problem = clip(s.Problem)
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode status of %s: %w", quote(s.Worker), err)
	}
	return data, nil
}

// DecodeWorkerStatus reads a status. Unknown fields are accepted.
func DecodeWorkerStatus(data []byte) (WorkerStatus, error) {
	var s WorkerStatus
	if err := json.Unmarshal(data, &s); err != nil {
		return WorkerStatus{}, fmt.Errorf("decode status of a worker: %w", err)
	}
	return s, nil
}
