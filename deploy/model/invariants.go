package model

// What must never be. Each is the kind of a violation.
const (
	twoResults    = "two workers tell of a result"
	overlap       = "two calls for the agent at once"
	afterResult   = "a call for a command that has a result"
	calledAgain   = "a second call, though a query would have told that the first has worked"
	unflagged     = "more than one call, and the result does not show it"
	untrueCancel  = "cancelled, though a call has signed the agent out"
	lostCommand   = "the command is gone without a result"
	neverEnds     = "the command can never end"
	livelock      = "the command goes round for ever without a fault"
	untrueFailure = "failed, though a call has signed the agent out"
)

func (m *step) checkCall(w, k int) {
	for v := range m.workers {
		for j := range m.workers[v].x {
			if (v != w || j != k) && m.workers[v].x[j].run.running {
				m.breaks(overlap)
			}
		}
	}
	if m.gateway.orphan.running {
		m.breaks(overlap)
	}
	if m.ledger.outcome != noResult && (!m.cfg.NoQuery || m.ledger.age > m.workers[w].x[k].lease) {
		m.breaks(afterResult)
	}
	if m.gateway.out && !m.cfg.NoQuery {
		m.breaks(calledAgain)
	}
}

func (m *step) checkResult(l letter) {
	if l.before > 1 && l.calls <= 1 && !l.redelivered {
		m.breaks(unflagged)
	}
	m.checkEffect()
}

func (m *step) checkEffect() {
	if m.cfg.NoQuery || !m.gateway.out {
		return
	}
	switch m.ledger.outcome {
	case cancelled:
		m.breaks(untrueCancel)
	case failed:
		if !m.ledger.unknown {
			m.breaks(untrueFailure)
		}
	}
}

func (m *step) checkLost() {
	if m.ledger.outcome != noResult {
		return
	}
	for k := range m.messages {
		if m.messages[k].there {
			return
		}
	}
	m.breaks(lostCommand)
}

// speak counts who tells of a result: logs it, counts it, answers it.
func (m *step) speak() {
	m.ledger.spoken = min(m.ledger.spoken+1, 2)
	if m.ledger.spoken > 1 {
		m.breaks(twoResults)
	}
}

// ended reports whether the command has its result, and the stream nothing more of it.
func (s *state) ended() bool {
	for k := range s.messages {
		if s.messages[k].there {
			return false
		}
	}
	return s.ledger.outcome != noResult
}
