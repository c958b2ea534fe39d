package session

import (
	"errors"
	"fmt"
)

// Availability is whether any inspector can make calls.
type Availability int

const (
	Coming      Availability = iota // a session is being made or renewed
	Available                       // at least one inspector can
	Unavailable                     // none can, nor soon will
)

// String is for logs.
func (a Availability) String() string {
	return [...]string{"coming", "possible", "impossible"}[a]
}

// Availability is as of now. The channel of Changed is closed when it may be another.
func (p *Pool) Availability() Availability {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch err := p.possible(Wish{}); {
	case err == nil:
		return Available
	case errors.Is(err, ErrPending):
		return Coming
	default:
		return Unavailable
	}
}

// Changed returns a channel that is closed at the next change of a session.
func (p *Pool) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// Ready reports whether calls can be made, and everything that is wrong: inspectors
// without a usable session, and what threatens the sessions that there are.
func (p *Pool) Ready() (usable bool, problem error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var problems []error
	for _, in := range p.inspectors {
		if in.usable() && !in.trial {
			usable = true
			for _, what := range []error{in.warning, in.passwordWarning()} {
				if what != nil {
					problems = append(problems, fmt.Errorf("inspector %s: %w", in.account.Inspector, what))
				}
			}
			continue
		}
		problems = append(problems, fmt.Errorf("inspector %s has no usable session: %w", in.account.Inspector, in.trouble()))
	}
	return usable, errors.Join(problems...)
}

// Usable is how many inspectors can make calls.
func (p *Pool) Usable() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, in := range p.inspectors {
		if in.usable() && !in.trial {
			n++
		}
	}
	return n
}

// PasswordDays is the number of days after which the first of the passwords expires.
// known is false where the gateway tells no such time.
func (p *Pool) PasswordDays() (days float64, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, in := range p.inspectors {
		if d, is := in.passwordDays(); is && (!known || d < days) {
			days, known = d, true
		}
	}
	return days, known
}

// barred counts the inspectors that are out of use for want of a right.
func (p *Pool) barred() (n int) {
	for _, in := range p.inspectors {
		if in.right.barred() {
			n++
		}
	}
	return n
}

// InFlight is how many calls are being made.
func (p *Pool) InFlight() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inFlight
}
