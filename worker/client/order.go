package client

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/forcelogout/forcelogout/messages"
)

// Order is a command and the VCC that it is for.
type Order struct {
	VCC     string           // "" for messages.DefaultVCC
	At      time.Time        // not before then, and NATS holds it until then; zero: at once
	Command messages.Command // the id is made where it is empty
}

// complete checks an order and fills in what the order leaves open.
func (o Order) complete() (Order, error) {
	if o.VCC == "" {
		o.VCC = messages.DefaultVCC
	}
	if o.Command.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return o, fmt.Errorf("making an id: %w", err)
		}
		o.Command.ID = id.String()
	}
	if err := messages.ValidateVCC(o.VCC); err != nil {
		return o, err
	}
	// A worker that gets the command early, in whatever way, holds it back.
	if o.Command.NotBefore.Before(o.At) {
		o.Command.NotBefore = o.At
	}
	return o, o.Command.Validate()
}

// due is when NATS hands the order to the workers.
func (o Order) due() time.Time {
	if o.At.IsZero() {
		return time.Now()
	}
	return o.At
}

// key tells commands apart.
type key struct{ vcc, id string }

func (o Order) key() key { return key{o.VCC, o.Command.ID} }

// State is what became of an order that was handed in.
type State string

// The states. Stored is also the answer where the order moved an earlier one.
const (
	Stored    State = "stored"
	There     State = "there"     // the id was there already; Receipt.There says for whom
	Refused   State = "refused"   // the order was not stored
	Undecided State = "undecided" // nobody knows whether it was stored; handing the same in again settles it
)

// Receipt is the answer for one order.
type Receipt struct {
	Order Order
	State State
	There *Existing // set where State is There
	// Err is nil where the order stands as it was handed in: it was stored, or it was there
	// already, the same in all that decides. Else Err is, or wraps, ErrEnded, ErrTaken,
	// ErrWithdrawn, ErrUndecided, ErrNotSent or what the server said.
	Err error
}

// Existing is the command that has an id already.
type Existing struct {
	Command messages.Command // zero where all that is known is the result
	Result  *messages.Result // nil where the command has not ended
	Held    bool             // NATS holds the command for later
}

// WorkNo is the agent whom the command signs out, or has signed out; "" where that is not
// known.
func (e Existing) WorkNo() string {
	if e.Result != nil {
		return e.Result.WorkNo
	}
	return e.Command.WorkNo
}

// same reports whether two commands do the same. They may differ in who asked, when and
// why.
func same(a, b messages.Command) bool {
	for _, c := range []*messages.Command{&a, &b} {
		c.IssuedAt, c.Reason, c.RequestedBy, c.Meta = time.Time{}, "", "", nil
	}
	return equal(a, b)
}

// equal reports whether two commands are the same in all but when they were issued.
func equal(a, b messages.Command) bool {
	a.IssuedAt, b.IssuedAt = time.Time{}, time.Time{}
	first, err := a.Encode()
	if err != nil {
		return false
	}
	second, err := b.Encode()
	return err == nil && string(first) == string(second)
}

// difference says how the command that is there differs from the one that was
// handed in.
func difference(have, want messages.Command) string {
	var all []string
	add := func(name, have, want string) {
		if have != want {
			all = append(all, fmt.Sprintf("%s %s", name, or(have, "none")))
		}
	}
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Local().Format(time.DateTime)
	}
	add("agent", have.WorkNo, want.WorkNo)
	add("inspector", have.Inspector, want.Inspector)
	add("not before", stamp(have.NotBefore), stamp(want.NotBefore))
	add("expires", stamp(have.ExpiresAt), stamp(want.ExpiresAt))
	add("signed in before", stamp(have.SignedInBefore), stamp(want.SignedInBefore))
	add("grace until", stamp(have.GraceUntil), stamp(want.GraceUntil))
	add("wrap-up", duration(have.WrapUp), duration(want.WrapUp))
	add("stay out", duration(have.StayOut), duration(want.StayOut))
	add("reply to", have.ReplyTo, want.ReplyTo)
	return strings.Join(all, ", ")
}

func duration(d messages.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
