package model

// beatDue reports whether a worker has something to extend.
func (m *step) beatDue(w int) bool {
	wk := &m.workers[w]
	if wk.beat.under && wk.beat.age < 2 {
		return false // it is given up after a while
	}
	if wk.up.has(func(l *letter) bool { return l.kind == progress || l.kind == info && l.beat }) {
		return false
	}
	for k := range wk.x {
		if m.extends(&wk.x[k]) {
			return true
		}
	}
	return false
}

// extends reports whether an execution's lease is due, and still its own.
func (m *step) extends(x *execution) bool {
	return x.phase != idle && !x.stale && !x.lost && x.lease >= 1 && x.lease < m.cfg.AckWait
}

// extend sends +WPI for all that is in hand, the last one as a request.
func (m *step) extend(w int) {
	wk := &m.workers[w]
	b := beat{under: true, gen: (wk.beat.gen + 1) % 4}
	for k := range wk.x {
		b.covers[k] = m.extends(&wk.x[k])
	}
	wk.beat = b
	if m.cfg.Old.ProvenByServer && !wk.upHeld && !wk.downHeld {
		m.tell("   the server that %s is connected to answers its ping", name(w))
		m.renew(w)
	}
	m.send(w, letter{kind: progress, gen: b.gen, covers: b.covers})
}

// proven: the leader has answered +WPI. It answers for anybody, so the answer counts
// only while the lease lasts.
func (m *step) proven(w int, l letter) {
	wk := &m.workers[w]
	if !wk.beat.under || wk.beat.gen != l.gen {
		return
	}
	for k := range wk.x {
		if x := &wk.x[k]; x.lease >= m.cfg.AckWait || x.phase == idle {
			wk.beat.covers[k] = false
		}
	}
	wk.beat.proven = true
	if m.cfg.Old.AnewIgnored {
		m.renew(w)
		return
	}
	m.send(w, letter{kind: info, beat: true, gen: l.gen})
}

// informed: which consumer it was that has answered.
func (m *step) informed(w int, l letter) {
	wk := &m.workers[w]
	m.know(w, l.anew)
	for k := range wk.x {
		if l.beat && wk.beat.under && wk.beat.gen == l.gen && wk.beat.covers[k] || !l.beat && l.gen == wk.pullGen {
			m.assure(w, k)
		}
	}
	if !l.beat && l.gen == wk.pullGen {
		wk.sure = wk.pulling
	}
	if !l.beat || !wk.beat.under || wk.beat.gen != l.gen || !wk.beat.proven {
		return
	}
	m.renew(w)
}

// renew: the lease of what the beat covers begins when the beat was sent.
func (m *step) renew(w int) {
	wk := &m.workers[w]
	for k := range wk.x {
		x := &wk.x[k]
		if wk.beat.covers[k] && x.phase != idle && !x.stale && !x.lost && wk.beat.age < x.lease {
			x.lease = wk.beat.age
		}
	}
	wk.beat = beat{gen: wk.beat.gen}
}
