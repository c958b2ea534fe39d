package session

import (
	"errors"
	"time"
)

// Why Take hands out no inspector.
var (
	// ErrItself comes when the only inspector of the wish is the one to be signed out.
	ErrItself = errors.New("an inspector cannot sign itself out")
	// ErrUnknown comes when the wish names an inspector that the pool does not have.
	ErrUnknown = errors.New("the command names an inspector that this worker does not have")
	// ErrPending comes while a session is on its way: wait for Changed and take again.
	ErrPending = errors.New("the inspector's session is being renewed")
	// ErrDown comes when no inspector of the wish has a session, nor will have one soon.
	ErrDown = errors.New("no inspector has a usable session")
	// ErrHalted comes while Limit allows no calls, whatever the sessions are.
	ErrHalted = errors.New("no calls are made while the gateway is down")
	// ErrStopped comes when Stop ended the wait before an inspector was free.
	ErrStopped = errors.New("the wish for an inspector was withdrawn")
)

// Wish says which inspector may make a call.
type Wish struct {
	Inspector string    // only this one; "" for any
	WorkNo    string    // the agent to be signed out: no inspector signs itself out
	Avoid     string    // any other inspector is better than this one
	By        time.Time // when the call must be made: the most urgent is served first
}

// Stop ends the wait for an inspector; the zero value lets it last.
type Stop struct {
	Drained, Gone <-chan struct{}
	At            time.Time
}

// Take hands out an inspector as soon as one is free: first to the caller whose time is
// shortest, and among equals to the one that came first. It returns ErrItself or
// ErrUnknown where no inspector could ever do it, ErrPending or ErrDown where none has a
// session, ErrHalted where no call may be made at all, and ErrStopped where stop ended
// the wait. The caller must end every Use with Done.
func (p *Pool) Take(stop Stop, wish Wish) (*Use, error) {
	p.mu.Lock()
	if len(p.waiters) == 0 {
		if use, err := p.grant(wish); use != nil || err != nil {
			p.mu.Unlock()
			return use, err
		}
	} else if err := p.possible(wish); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	w := &waiter{wish: wish, ready: make(chan grant, 1)}
	p.queue(w)
	p.dispatch() // those who wait may wait for other inspectors than the free one
	p.mu.Unlock()
	var late <-chan time.Time
	if !stop.At.IsZero() {
		timer := time.NewTimer(time.Until(stop.At))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case g := <-w.ready:
		return g.use, g.err
	case <-stop.Drained:
	case <-stop.Gone:
	case <-late:
	}
	p.leaveQueue(w)
	return nil, ErrStopped
}

// Possible returns nil while an inspector that may make the call has a session, and else
// the error that Take would return.
func (p *Pool) Possible(wish Wish) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.possible(wish)
}

func (p *Pool) possible(wish Wish) error {
	named, able, usable, coming := false, false, false, false
	for _, in := range p.inspectors {
		if wish.Inspector != "" && in.account.Inspector != wish.Inspector {
			continue
		}
		named = true
		if in.account.Inspector == wish.WorkNo {
			continue
		}
		able = true
		usable = usable || in.usable()
		coming = coming || (in.state == pending && !in.right.barred())
	}
	switch {
	case !named:
		return ErrUnknown
	case !able:
		return ErrItself
	case p.most == 0:
		return ErrHalted
	case usable:
		return nil
	case coming:
		return ErrPending
	default:
		return ErrDown
	}
}

// grant gives an inspector away, or the reason why there is none to give. Both are nil
// where an inspector becomes free when a call ends.
func (p *Pool) grant(wish Wish) (*Use, error) {
	if err := p.possible(wish); err != nil {
		return nil, err
	}
	if p.inFlight >= p.most {
		return nil, nil
	}
	var best *inspector
	for _, in := range p.inspectors {
		if !in.may(wish) || !in.free() {
			continue
		}
		if best == nil || in.better(best, wish) {
			best = in
		}
	}
	if best == nil {
		return nil, nil
	}
	p.inFlight++
	best.inFlight++
	best.right.taken(best)
	return &Use{Session: best.session, in: best, begin: time.Now()}, nil
}
