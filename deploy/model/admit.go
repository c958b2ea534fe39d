package model

// admit decides with ledger and note whether, and from where, a command may run.
func (m *step) admit(w int, l letter) {
	x := &m.workers[w].x[l.k]
	if x.phase != asking || x.gen != l.gen {
		return
	}
	k := int(l.k)
	switch {
	case m.leaseLost(x):
		m.lose(w, k)
	case l.outcome != noResult:
		m.tell("   %s finds the result", name(w))
		m.acknowledge(w, k)
	case l.repeat:
		m.tell("   %s: message %d repeats a command that waits already", name(w), k+1)
		m.acknowledge(w, k)
	default:
		m.resume(w, k, l)
	}
}

// resume takes over what the note says.
func (m *step) resume(w, k int, l letter) {
	x := &m.workers[w].x[k]
	x.phase, x.current, x.reread = ready, l.current, true
	n := l.note
	x.cancelled = x.cancelled || n.cancelled
	if x.called || x.claimed {
		m.compareNote(w, k, n)
		return
	}
	own := n.seq == uint8(k+1)
	switch {
	case !own:
		// None, or of an earlier life: calls or a claim in it may have been for this command.
		if x.n > 1 || x.rested || n.claim || n.effect != none || n.calls > 0 {
			x.redelivered, x.effect = true, max(x.effect, possible)
		}
	case n.claim && m.isMine(w, k, n) && x.retrying:
		// An answer was lost: the claim was taken the first time.
	case n.claim:
		m.meetClaim(w, k, n)
	case after(n.n) == x.n && !x.rested:
		x.redelivered, x.effect, x.calls, x.spent = n.redelivered, n.effect, n.calls, n.spent
	default:
		x.calls, x.spent = n.calls, n.spent
		x.redelivered, x.effect = true, max(n.effect, possible)
	}
	x.retrying = false
	m.tell("   %s admits delivery %d: effect %v, calls %d", name(w), x.n, x.effect, x.calls)
}

// isMine reports whether a claim is of this execution.
func (m *step) isMine(w, k int, n note) bool {
	return n.n == m.workers[w].x[k].n && (m.cfg.Skip.ByNumber || n.owner == uint8(w+1))
}

// meetClaim: somebody has claimed the command. A call under the claim may still run
// until the claim is AckWait old.
func (m *step) meetClaim(w, k int, n note) {
	x := &m.workers[w].x[k]
	if x.retrying {
		m.tell("   %s: somebody else has claimed it", name(w))
		m.lose(w, k)
		return
	}
	x.calls, x.spent = n.calls, n.spent
	x.redelivered, x.effect = true, max(n.effect, possible)
	x.noteAge = n.age
	x.waits = n.age < m.cfg.AckWait
	if x.waits {
		m.tell("   %s waits for the end of the claim of delivery %d", name(w), n.n)
	}
}

// compareNote: between two calls of an execution only its own claim may be there.
func (m *step) compareNote(w, k int, n note) {
	x := &m.workers[w].x[k]
	other := n.seq != 0 && (n.seq != uint8(k+1) || !m.isMine(w, k, n))
	x.retrying = false
	if other {
		m.tell("   %s: somebody else has written a note", name(w))
		m.lose(w, k)
	}
}

// lose: the command is somebody else's. It is neither acknowledged nor given back.
func (m *step) lose(w, k int) {
	m.tell("   %s has lost message %d", name(w), k+1)
	m.drop(w, k)
}

func (m *step) acknowledge(w, k int) {
	m.drop(w, k)
	m.send(w, letter{kind: ack, k: uint8(k)})
}

func (m *step) leaseLost(x *execution) bool { return x.lost || x.lease >= m.cfg.AckWait }
