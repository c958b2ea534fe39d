package messages

import (
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// MaxCommandSize is the largest payload of a command, in bytes.
const MaxCommandSize = 8 << 10

// leastStayOut is the shortest time after which one more look makes sense.
const leastStayOut = Duration(10 * time.Second)

const (
	maxReason      = 256 // characters
	maxRequestedBy = 128 // characters
	maxMetaEntries = 16
	maxMetaSize    = 2 << 10 // bytes of all names and values together, unescaped
)

// Command is one order: sign this agent out. Of the optional fields, the zero
// value means not given; the defaults are the worker's to apply.
type Command struct {
	ID          string            `json:"id"`                   // required, the idempotency key, see ValidateID
	WorkNo      string            `json:"workNo"`               // required, the agent to sign out, see ValidateWorkNo
	Inspector   string            `json:"inspector,omitzero"`   // this inspector must do it; never the agent itself
	IssuedAt    time.Time         `json:"issuedAt,omitzero"`    // default: the stream's time stamp
	NotBefore   time.Time         `json:"notBefore,omitzero"`   // do not execute before
	ExpiresAt   time.Time         `json:"expiresAt,omitzero"`   // do not execute after
	Reason      string            `json:"reason,omitzero"`      // audit text, up to 256 characters
	RequestedBy string            `json:"requestedBy,omitzero"` // who or what asked, up to 128 characters
	ReplyTo     string            `json:"replyTo,omitzero"`     // the result is also published on this subject
	Meta        map[string]string `json:"meta,omitempty"`       // echoed in the result; up to 16 entries and 2 KiB

	// SignedInBefore spares an agent whose present sign-in began later: they are
	// in the next shift already. It needs a gateway that tells when a sign-in began;
	// without that the field has no effect.
	SignedInBefore time.Time `json:"signedInBefore,omitzero"`

	// WhenIdle lets an agent end their call first, until GraceUntil. Each
	// needs the other. WrapUp lets them end their after-call work as well, for that
	// long at most.
	WhenIdle   bool      `json:"whenIdle,omitzero"`
	GraceUntil time.Time `json:"graceUntil,omitzero"`
	WrapUp     Duration  `json:"wrapUp,omitzero"`

	// StayOut asks for one more look that long after the sign-out. The result comes after
	// it, and says whether the agent is back.
	StayOut Duration `json:"stayOut,omitzero"`
}

// Expiry is when the command ends if nothing else ends it: at ExpiresAt, or where it does
// not say so some time after it came, NotBefore and GraceUntil, whichever is last.
func (c Command) Expiry(came time.Time, life time.Duration) time.Time {
	if !c.ExpiresAt.IsZero() {
		return c.ExpiresAt
	}
	from := came
	for _, t := range []time.Time{c.NotBefore, c.GraceUntil} {
		if t.After(from) {
			from = t
		}
	}
	return from.Add(life)
}

// Validate checks every limit of the contract. It checks replyTo for syntax
// only: which subjects are allowed is the worker's setting, see ReplyPatterns.
// The error is an *InvalidError that names the first field at fault.
func (c Command) Validate() error {
	for _, check := range []func() error{c.checkWho, c.checkTimes, c.checkTexts, c.checkMeta} {
		if err := check(); err != nil {
			return err
		}
	}
	if c.ReplyTo != "" {
		return checkReplySubject(c.ReplyTo)
	}
	return nil
}

// Encode validates the command and returns its JSON, at most MaxCommandSize
// bytes, with times in UTC. Equal commands give equal bytes. An invalid command
// gives an *InvalidError.
func (c Command) Encode() ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	for _, t := range []*time.Time{&c.IssuedAt, &c.NotBefore, &c.ExpiresAt, &c.SignedInBefore, &c.GraceUntil} {
		*t = t.UTC()
	}
	data, err := json.Marshal(c, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("encode command: %w", err)
	}
	if len(data) > MaxCommandSize {
		return nil, tooLarge(len(data))
	}
	return data, nil
}

func tooLarge(size int) error {
	return invalid("", fmt.Sprintf("the command has %d bytes, at most %d are allowed", size, MaxCommandSize))
}

func (c Command) checkWho() error {
	if c.ID == "" {
		return invalid("id", "is required: 1-64 characters of [A-Za-z0-9_-]")
	}
	if err := ValidateID(c.ID); err != nil {
		return err
	}
	if c.WorkNo == "" {
		return invalid("workNo", "is required: the agent's number, decimal 101-999999")
	}
	if err := ValidateWorkNo(c.WorkNo); err != nil {
		return err
	}
	if c.Inspector == "" {
		return nil
	}
	if err := checkWorkNo("inspector", c.Inspector); err != nil {
		return err
	}
	if c.Inspector == c.WorkNo {
		return invalid("inspector", "must differ from workNo, an agent is never signed out by itself, got "+quote(c.Inspector)+" for both")
	}
	return nil
}

func (c Command) checkTimes() error {
	for _, at := range []struct {
		field string
		t     time.Time
	}{{"issuedAt", c.IssuedAt}, {"notBefore", c.NotBefore}, {"expiresAt", c.ExpiresAt},
		{"signedInBefore", c.SignedInBefore}, {"graceUntil", c.GraceUntil}} {
		// RFC 3339 has four digits for the year, and it is sent in UTC.
		if y := at.t.UTC().Year(); y < 1 || y > 9999 {
			return invalid(at.field, fmt.Sprintf("must be within the years 1-9999 in UTC, got year %d", y))
		}
	}
	if !c.ExpiresAt.IsZero() && !c.NotBefore.IsZero() && !c.ExpiresAt.After(c.NotBefore) {
		return invalid("expiresAt", "must be after notBefore, else the command could never run")
	}
	return c.checkGrace()
}

func (c Command) checkGrace() error {
	switch {
	case c.WhenIdle && c.GraceUntil.IsZero():
		return invalid("whenIdle", "needs graceUntil: until when may the agent go on with a call?")
	case !c.WhenIdle && !c.GraceUntil.IsZero():
		return invalid("graceUntil", "goes with whenIdle only, set that to true")
	case !c.WhenIdle && c.WrapUp != 0:
		return invalid("wrapUp", "goes with whenIdle only, set that to true")
	case c.WhenIdle && !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(c.GraceUntil):
		return invalid("graceUntil", "must be before expiresAt, else an agent on a call would never be signed out")
	}
	if err := checkDuration("wrapUp", c.WrapUp, Duration(time.Second)); err != nil {
		return err
	}
	return checkDuration("stayOut", c.StayOut, leastStayOut)
}

func (c Command) checkTexts() error {
	if err := checkText("reason", c.Reason, maxReason); err != nil {
		return err
	}
	return checkText("requestedBy", c.RequestedBy, maxRequestedBy)
}

func checkText(field, s string, limit int) error {
	if n := utf8.RuneCountInString(s); n > limit {
		return invalid(field, fmt.Sprintf("must have at most %d characters, got %d", limit, n))
	}
	if problem := textProblem(s); problem != "" {
		return invalid(field, problem+", got "+quote(s))
	}
	return nil
}

func (c Command) checkMeta() error {
	if n := len(c.Meta); n > maxMetaEntries {
		return invalid("meta", fmt.Sprintf("must have at most %d entries, got %d", maxMetaEntries, n))
	}
	size := 0
	for name, value := range c.Meta {
		size += len(name) + len(value)
	}
	if size > maxMetaSize {
		return invalid("meta", fmt.Sprintf("names and values must have at most %d bytes together, got %d", maxMetaSize, size))
	}
	for name, value := range c.Meta {
		if problem := textProblem(name); problem != "" {
			return invalid("meta", "names "+problem+", got "+quote(name))
		}
		if problem := textProblem(value); problem != "" {
			return invalid("meta", "values "+problem+", see entry "+quote(name))
		}
	}
	return nil
}

// textProblem keeps control characters out of audit texts: they end up in logs
// and on terminals.
func textProblem(s string) string {
	if !utf8.ValidString(s) {
		return "must be valid UTF-8"
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return "must not contain control characters (line breaks, tabs)"
		}
	}
	return ""
}
