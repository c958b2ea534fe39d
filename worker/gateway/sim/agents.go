package sim

import "time"

// shift is how long agents whom nobody set have been signed in when the gateway
// is made. A sign-in in the past is what a worker normally meets.
const shift = 8 * time.Hour

// Agent is what the gateway knows of one agent. Agents whom nobody set are
// signed in and idle, as long as they are no inspectors.
type Agent struct {
	SignedIn bool
	OnCall   bool
	WrapUp   bool      // at their after-call work, and not on a call
	LoginAt  time.Time // when the present sign-in began; zero means when SetAgent was called
	Unknown  bool      // no such agent: never signed in, state queries answer 300-002

	// CallTime and NextCall let an agent who is on a call end it after the one, and
	// take the next after the other, again and again. 0 means that the call lasts.
	CallTime, NextCall time.Duration

	// Returns is how soon an agent who was signed out signs in again, 0 for never.
	Returns time.Duration
}

// person is an agent with all that tells their state at any time. A delayed sign-out
// is a time and not a timer, so that tests can turn the clock.
type person struct {
	Agent
	since    time.Time // when this state began
	leavesAt time.Time // when a forced sign-out takes effect; zero if there is none
}

// SetAgent says how an agent is from now on. It replaces everything that was
// known of them, also a forced sign-out that has not taken effect yet.
func (g *Gateway) SetAgent(workNo string, a Agent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.cfg.Now()
	if a.Unknown {
		a = Agent{Unknown: true}
	}
	if a.SignedIn && a.LoginAt.IsZero() {
		a.LoginAt = now
	}
	g.agents[workNo] = person{Agent: a, since: now}
}

// Agent returns how an agent is now.
func (g *Gateway) Agent(workNo string) Agent {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.person(workNo).Agent
}

// person looks an agent up. An inspector is signed in as long as the session
// lasts.
func (g *Gateway) person(workNo string) person {
	p, set := g.agents[workNo]
	if !set {
		if _, is := g.inspectors[workNo]; is && g.session(workNo) == nil {
			return person{since: g.opened}
		}
		login := g.opened.Add(-shift)
		return person{Agent: Agent{SignedIn: true, LoginAt: login}, since: login}
	}
	now := g.cfg.Now()
	for !p.leavesAt.IsZero() && !now.Before(p.leavesAt) {
		back := p.leavesAt.Add(p.Returns)
		if p.Returns == 0 || now.Before(back) {
			return person{since: p.leavesAt}
		}
		p = person{Agent: p.Agent, since: back}
		p.LoginAt = back
	}
	return p.talking(now)
}

// talking sets whether an agent who takes call after call is on one now.
func (p person) talking(now time.Time) person {
	if !p.SignedIn || p.CallTime == 0 {
		return p
	}
	since := now.Sub(p.since) % (p.CallTime + p.NextCall)
	if p.OnCall = since < p.CallTime; !p.OnCall {
		since -= p.CallTime
	}
	p.since = now.Add(-since)
	return p
}

// present reports whether somebody whom SetAgent or a sign-out has set is there.
func (g *Gateway) present(p person) bool {
	return p.SignedIn && (p.leavesAt.IsZero() || g.cfg.Now().Before(p.leavesAt))
}

// signOut is the effect of a successful call. It releases the call that the
// agent is on [cec_07_0353]. It reports whether it changed anything: a second
// call before a delayed effect does not.
func (g *Gateway) signOut(workNo string) bool {
	p := g.person(workNo)
	if !p.SignedIn || !p.leavesAt.IsZero() {
		return false
	}
	if stored, set := g.agents[workNo]; set && p.CallTime > 0 && stored.leavesAt.IsZero() {
		p.since = stored.since // of the first call
	}
	p.leavesAt = g.cfg.Now().Add(g.cfg.EffectDelay)
	g.agents[workNo] = p
	g.tell(workNo, p.leavesAt)
	if i := g.inspectors[workNo]; i != nil && g.cfg.EffectDelay <= 0 {
		i.end(true)
	}
	return true
}
