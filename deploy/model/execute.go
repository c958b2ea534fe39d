package model

// may is what an admitted execution may do next.
type may uint8

const (
	mayNothing may = iota
	mayLose
	mayEnd
	mayQuery
	mayClaim
	mayNote
	mayRead
	mayCall
	mayWait // for time, a beat or the end of a claim
)

// decide is the rule book of an execution that is admitted.
func (m *step) decide(w, k int) (may, outcome) {
	x := &m.workers[w].x[k]
	switch {
	case m.leaseLost(x):
		return mayLose, 0
	case m.expired && x.effect == claimed:
		return mayEnd, signedOut
	case m.expired:
		return mayEnd, expired
	case x.effect == claimed:
		return mayEnd, signedOut
	case x.unsure:
		return mayWait, 0 // which consumer delivered it
	case x.stale:
		return mayLose, 0 // nothing new is started
	case x.waits && !(m.cfg.Skip.WithdrawnRest && x.cancelled):
		return mayWait, 0
	case !m.cfg.Skip.LateClaim && m.needsClaim(w, k) && !m.claimLasts(x):
		return mayClaim, 0
	case x.cancelled && x.effect == none:
		return mayEnd, cancelled
	case x.cancelled && m.cfg.Old.CancelUnasked:
		return mayEnd, cancelled
	case x.gaveUp:
		return m.giveUp(x)
	case x.effect == possible && !x.unaskable:
		return mayQuery, 0
	case x.cancelled:
		return mayEnd, cancelled // nobody can be asked
	case x.spent >= maxAttempts:
		return m.giveUp(x)
	case (x.called || x.unaskable) && !x.reread:
		return mayRead, 0
	case m.needsClaim(w, k) && !m.claimLasts(x):
		return mayClaim, 0
	case x.lease+m.cfg.Call >= m.cfg.AckWait && !m.cfg.Skip.ShortCall:
		return mayWait, 0 // a beat is made at once
	default:
		return mayCall, 0
	}
}

// giveUp: the attempts are used up. A note says so before the result does: a result that
// is held on its way must not meet a call of whoever has the command then.
func (m *step) giveUp(x *execution) (may, outcome) {
	if x.noted || m.cfg.Skip.FailedUnnoted {
		return mayEnd, failed
	}
	return mayNote, 0
}

// needsClaim reports whether the command could be doubled.
func (m *step) needsClaim(w, k int) bool {
	x := &m.workers[w].x[k]
	old := &m.cfg.Old
	if old.NoClaims {
		return false
	}
	return x.n > 1 || x.rested || x.redelivered || (m.cfg.Messages > 1 || m.cfg.LongLife) && !old.NoClaimForRepeat
}

// claimLasts reports whether a call under the claim ends before somebody else may take
// the claim for over.
func (m *step) claimLasts(x *execution) bool {
	return x.claimed && x.claimAge+m.cfg.Call < m.cfg.AckWait
}

func (m *step) claim(w, k int) {
	x := &m.workers[w].x[k]
	x.phase, x.claimed, x.claimAge = claiming, false, 0
	m.tell("%s claims message %d for delivery %d", name(w), k+1, x.n)
	m.swapNote(w, k, true)
}

// park writes down how far it got; then the command goes back to the server.
func (m *step) park(w, k int) {
	x := &m.workers[w].x[k]
	if m.cfg.Old.NakUnguarded {
		m.nak(w, k)
		return
	}
	x.phase = parking
	m.tell("%s notes how far message %d got", name(w), k+1)
	m.swapNote(w, k, false)
}

// noteEnd writes down that no attempt is left.
func (m *step) noteEnd(w, k int) {
	x := &m.workers[w].x[k]
	x.phase, x.ending = parking, true
	m.tell("%s notes that the attempts for message %d are used up", name(w), k+1)
	m.swapNote(w, k, false)
}

func (m *step) swapNote(w, k int, claim bool) {
	x := &m.workers[w].x[k]
	m.send(w, letter{kind: swap, k: uint8(k), gen: x.gen, current: x.current, note: note{
		seq: uint8(k + 1), claim: claim, n: x.n, owner: uint8(w + 1), cancelled: x.cancelled,
		redelivered: x.redelivered, effect: x.effect, calls: x.calls, spent: x.spent,
	}})
}

func (m *step) nak(w, k int) {
	x := &m.workers[w].x[k]
	l := letter{kind: nak, k: uint8(k), n: x.n}
	m.tell("%s hands delivery %d back", name(w), x.n)
	m.drop(w, k)
	m.send(w, l)
}

// swapped: the stream has taken a note, or there is a newer one.
func (m *step) swapped(w int, l letter) {
	k := int(l.k)
	x := &m.workers[w].x[k]
	if x.gen != l.gen || x.phase != claiming && x.phase != parking {
		return
	}
	switch {
	case m.leaseLost(x):
		m.lose(w, k)
	case !l.ok && m.cfg.Skip.BlindSwap:
		x.phase = ready
	case !l.ok:
		x.retrying = true
		m.read(w, k)
	case x.phase == parking && x.ending:
		x.phase, x.current, x.noted = ready, l.current, true
	case x.phase == parking:
		m.nak(w, k)
	default:
		x.phase, x.claimed = ready, true
		x.current = l.current // unless somebody has written since
	}
}

// record sends the result.
func (m *step) record(w, k int, end outcome) {
	x := &m.workers[w].x[k]
	x.phase, x.outcome = storing, end
	m.tell("%s stores the result %v", name(w), end)
	m.sendResult(w, k)
}

func (m *step) sendResult(w, k int) {
	x := &m.workers[w].x[k]
	if m.leaseLost(x) && !m.cfg.Skip.LateUnflagged {
		x.redelivered = true // somebody else may have called meanwhile
	}
	m.send(w, letter{kind: store, k: uint8(k), gen: x.gen, outcome: x.outcome, calls: x.calls, redelivered: x.redelivered, before: m.gateway.calls, unknown: x.effect == possible})
}

// recorded: the ledger has this result, or another one. Only the winner tells of it.
func (m *step) recorded(w int, l letter) {
	x := &m.workers[w].x[l.k]
	if x.phase != storing || x.gen != l.gen {
		return
	}
	if l.ok || m.cfg.Old.LoserSpeaks {
		m.speak()
	}
	m.acknowledge(w, int(l.k))
}

// resend repeats a request whose answer does not come.
func (m *step) resend(w, k int) {
	x := &m.workers[w].x[k]
	x.gen = (x.gen + 1) % 4
	m.tell("%s repeats its request about message %d", name(w), k+1)
	switch x.phase {
	case asking:
		m.read(w, k)
	case claiming:
		m.swapNote(w, k, true)
	case parking:
		m.swapNote(w, k, false)
	case storing:
		m.sendResult(w, k)
	}
}
