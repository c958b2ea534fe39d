package messages

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// Parked is what is known of a command beside its message: how far a worker got
// that handed it back, and whether it was withdrawn. It is forcelogout's own
// business and may change; see Prefix.Parked for its subject.
type Parked struct {
	Sequence    uint64    `json:"seq,omitzero"`       // of the message in the command stream
	Delivery    uint64    `json:"delivery,omitzero"`  // the delivery that ended with this note; 0 where one has claimed it
	Claim       uint64    `json:"claim,omitzero"`     // the delivery whose holder alone may call; 0 where it was handed back
	ClaimedBy   string    `json:"claimedBy,omitzero"` // worker process; deliveries of a consumer that was made anew count from 1
	ClaimedAt   time.Time `json:"claimedAt,omitzero"` // by the holder's clock, before the claim was stored
	Possible    bool      `json:"possible,omitzero"`  // a call may have worked, and nobody knows yet
	OpenUntil   time.Time `json:"openUntil,omitzero"` // somebody else's call may be under way until then
	Calls       int       `json:"calls,omitzero"`
	Spent       int       `json:"spent,omitzero"`
	Redelivered bool      `json:"redelivered,omitzero"`
	Ask         bool      `json:"ask,omitzero"`
	SignedOut   bool      `json:"signedOut,omitzero"`
	Unread      int       `json:"unread,omitzero"` // state queries in a row that were not answered
	Ending      bool      `json:"ending,omitzero"` // it was withdrawn, and only its end is looked for
	StartedAt   time.Time `json:"startedAt,omitzero"`

	AgentState  AgentState `json:"agentState,omitzero"`  // as last told before the call
	Unasked     bool       `json:"unasked,omitzero"`     // a condition could not be asked at the last look
	WrapUpSince time.Time  `json:"wrapUpSince,omitzero"` // since when the agent is at their after-call work

	DueAt      time.Time `json:"dueAt,omitzero"`
	Retcode    string    `json:"retcode,omitzero"`
	Message    string    `json:"message,omitzero"`
	HTTPStatus int       `json:"httpStatus,omitzero"`
	Error      string    `json:"error,omitzero"`

	Cancelled *Cancellation `json:"cancelled,omitzero"` // nil unless withdrawn
	Out       *SignedOut    `json:"out,omitzero"`       // nil unless only one more look is to come
}

// SignedOut is what the result of a command will say whose agent is signed out.
type SignedOut struct {
	At        time.Time `json:"at"`
	Already   bool      `json:"already,omitzero"`
	Confirmed *bool     `json:"confirmed,omitzero"`
	Inspector string    `json:"inspector,omitzero"`
}

// HandBackEarly is how much before its time the server delivers a command again that was
// handed back, so that the way back to a worker does not make it late.
const HandBackEarly = 200 * time.Millisecond

// handBackMargin is how long before its time a command that was handed back is surely
// still with the server; a nearer one may be with a worker again. It has room for clocks
// that differ.
const handBackMargin = 2*time.Second - HandBackEarly

// IsWithServer reports whether the message with the sequence seq was handed back in good
// order and is surely with the server: whoever gets it from now on sees what is noted now.
func (p Parked) IsWithServer(seq uint64, now time.Time) bool {
	return seq != 0 && p.Sequence == seq && p.Claim == 0 && p.DueAt.Sub(now) > HandBackEarly+handBackMargin
}

// IsOfAnother reports whether the note is about the same command in a message other than
// the one with the sequence seq. Whoever has that message may be in a call.
func (p Parked) IsOfAnother(seq uint64) bool { return p.Sequence != 0 && p.Sequence != seq }

// Cancellation is who withdrew a command and why.
type Cancellation struct {
	RequestedBy string    `json:"requestedBy,omitzero"`
	Reason      string    `json:"reason,omitzero"`
	At          time.Time `json:"at"`
}

// String is the sentence for a result.
func (c Cancellation) String() string {
	s := "withdrawn at " + c.At.UTC().Format(time.RFC3339)
	if c.RequestedBy != "" {
		s += " by " + c.RequestedBy
	}
	if c.Reason != "" {
		s += ": " + c.Reason
	}
	return s
}

// Validate checks the limits that a command's own texts have.
func (c Cancellation) Validate() error {
	return Command{Reason: c.Reason, RequestedBy: c.RequestedBy}.checkTexts()
}

// Cancel asks the workers of a VCC for a command's end. It is no more than a nudge:
// what counts is the note.
type Cancel struct {
	ID       string       `json:"id"`
	Sequence uint64       `json:"seq,omitzero"` // of the message in the command stream
	By       Cancellation `json:"by"`
}

// Encode returns the note's JSON. Texts from outside are cut as in a result.
func (p Parked) Encode() ([]byte, error) {
	p.Retcode, p.Message, p.Error = clip(p.Retcode), clip(p.Message), clip(p.Error)
	data, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode what is known of a command: %w", err)
	}
	return data, nil
}

// DecodeParked reads a note. Unknown fields are accepted.
func DecodeParked(data []byte) (Parked, error) {
	var p Parked
	if err := json.Unmarshal(data, &p); err != nil {
		return Parked{}, fmt.Errorf("decode what is known of a command: %w", err)
	}
	return p, nil
}

// Encode returns the nudge's JSON.
func (c Cancel) Encode() ([]byte, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode cancel of %s: %w", quote(c.ID), err)
	}
	return data, nil
}

// DecodeCancel reads a nudge; it needs a valid id.
func DecodeCancel(data []byte) (Cancel, error) {
	var c Cancel
	if err := json.Unmarshal(data, &c); err != nil {
		return Cancel{}, fmt.Errorf("decode cancel: %w", err)
	}
	return c, ValidateID(c.ID)
}
