package model

// A consumer that was deleted and made again delivers everything from the beginning.

// compareSequence notices a consumer whose sequence has begun again.
func (m *step) compareSequence(w int, l letter) {
	wk := &m.workers[w]
	if l.seq > 0 && l.seq <= l.seen && l.seq < maxSeq && l.anew == wk.anew {
		m.tell("   %s: consumer sequence %d after %d", name(w), l.seq, l.seen)
		m.notice(w)
	}
	if !wk.inquires {
		wk.seen = max(wk.seen, l.seq)
	}
}

// mayBeHeldElsewhere reports whether a delivery may be one of the consumer made anew,
// of a message that the old one has delivered to somebody.
func (m *step) mayBeHeldElsewhere(w int) bool {
	wk := &m.workers[w]
	return (wk.inquires || wk.anew) && !wk.trusts
}

// notice: the consumer is another one, or none. What is in hand is extended no more.
func (m *step) notice(w int) {
	wk := &m.workers[w]
	if m.cfg.Old.AnewIgnored || wk.inquires || wk.anew {
		return
	}
	m.tell("   %s notices that the consumer is gone", name(w))
	wk.inquires = true
	wk.seen = 0
	m.disown(w)
}

// disown: what is in hand is of a consumer that is gone.
func (m *step) disown(w int) {
	for k := range m.workers[w].x {
		if x := &m.workers[w].x[k]; x.phase != idle && !x.anew {
			x.stale = true
		}
	}
}

// know: the worker has learnt which consumer there is.
func (m *step) know(w int, anew bool) {
	wk := &m.workers[w]
	if m.cfg.Old.AnewIgnored {
		return
	}
	if anew && !wk.anew {
		m.tell("   %s knows that the consumer was made anew", name(w))
		if !wk.inquires {
			wk.seen = 0
			m.disown(w)
		}
		wk.anew = true
	}
	wk.inquires = false
}

// assure: an info was answered that was sent after a delivery, or after its pull. The
// delivery is of the consumer that the worker knew, or else it rests.
func (m *step) assure(w, k int) {
	x := &m.workers[w].x[k]
	if !x.unsure {
		return
	}
	x.unsure = false
	if x.stale {
		m.begin(w, k, next{there: true, n: x.n, lease: x.lease, anew: true, rested: true})
	}
}

// restIsOver reports whether every lease of the old consumer has ended.
func (m *step) restIsOver(w int) bool {
	return !m.workers[w].inquires && !m.consumer.absent && m.consumer.age >= m.cfg.AckWait
}

// restEndsEarly: calls end with the command's life, so nobody can be at it any more.
func (m *step) restEndsEarly() bool { return m.expired || m.cfg.Skip.WithdrawnRest && m.note.cancelled }
