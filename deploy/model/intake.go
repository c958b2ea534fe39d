package model

// hear is what a worker does with what the server sends.
func (m *step) hear(w int, l letter) {
	wk := &m.workers[w]
	switch l.kind {
	case delivery:
		m.take(w, l)
	case gone:
		m.notice(w)
		if !l.beat {
			wk.pulling, wk.pullAge = false, 0
		}
	case proof:
		m.proven(w, l)
	case infoIs:
		m.informed(w, l)
	case readIs:
		m.admit(w, l)
	case swapped:
		m.swapped(w, l)
	case stored:
		m.recorded(w, l)
	}
}

func (m *step) pull(w int) {
	wk := &m.workers[w]
	wk.pulling, wk.pullAge = true, 0
	wk.sure = m.cfg.Skip.NoVouch || m.cfg.Old.AnewIgnored || !m.cfg.Delete
	wk.pullGen = (wk.pullGen + 1) % 4
	m.send(w, letter{kind: pull, seen: wk.seen, anew: wk.anew})
	if !wk.sure {
		m.send(w, letter{kind: info, gen: wk.pullGen})
	}
}

// take puts a delivery in hand.
func (m *step) take(w int, l letter) {
	wk := &m.workers[w]
	sure := wk.sure
	wk.pulling, wk.pullAge, wk.sure = false, 0, false
	lease := l.age
	if m.cfg.Old.FreshOnArrival {
		lease = 0
	}
	if lease >= m.cfg.AckWait {
		m.tell("   %s leaves delivery %d to its next holder: its pull is too old", name(w), l.n)
		return
	}
	m.compareSequence(w, l)
	rested := m.mayBeHeldElsewhere(w)
	x := &wk.x[l.k]
	other := &wk.x[1-l.k]
	switch {
	case other.phase != idle && !other.lost:
		m.tell("   %s has the command in hand from the other message", name(w))
		if m.cfg.Skip.RepeatNakked {
			m.send(w, letter{kind: nak, k: l.k, n: l.n})
		}
	case x.phase == idle:
		m.begin(w, int(l.k), next{n: l.n, lease: lease, anew: wk.anew, rested: rested, unsure: !sure})
	case m.goesOn(x, l, rested):
		m.tell("   %s goes on under delivery %d", name(w), l.n)
		x.n, x.lease = l.n, lease
	default:
		m.tell("   %s: delivery %d of what was in hand as %d, the old execution is lost", name(w), l.n, x.n)
		x.lost = true
		x.next = next{there: true, n: l.n, lease: lease, anew: wk.anew, rested: rested, unsure: !sure}
		if x.phase != calling && x.phase != storing {
			m.drop(w, int(l.k))
		}
	}
}

// goesOn reports whether nobody had the message between what is in hand and l.
func (m *step) goesOn(x *execution, l letter, rested bool) bool {
	if m.cfg.Old.GapAbsorbed {
		return true
	}
	return l.n == after(x.n) && !x.stale && !x.lost && !rested
}

// drop ends this worker's answer for a message, and begins with the delivery that came
// meanwhile.
func (m *step) drop(w, k int) {
	x := &m.workers[w].x[k]
	following := x.next
	*x = execution{gen: x.gen}
	if following.there && following.lease < m.cfg.AckWait {
		m.begin(w, k, following)
	}
}

func (m *step) begin(w, k int, d next) {
	m.workers[w].beat.covers[k] = false
	x := &m.workers[w].x[k]
	*x = execution{gen: (x.gen + 1) % 4, phase: asking, n: d.n, lease: d.lease, anew: d.anew, rested: d.rested, unsure: d.unsure}
	if d.rested {
		x.phase = resting
		m.tell("   %s rests message %d: who had it under the old consumer may be at it", name(w), k+1)
		return
	}
	m.read(w, k)
}

// read asks for ledger and note.
func (m *step) read(w, k int) {
	x := &m.workers[w].x[k]
	x.phase = asking
	m.send(w, letter{kind: read, k: uint8(k), gen: x.gen})
}
