package model

// tick: time passes.
func (m *step) tick() {
	m.tell("--- tick")
	m.consumer.age = m.older(m.consumer.age)
	m.note.age = m.older(m.note.age)
	m.ledger.age = m.older(m.ledger.age)
	m.ageRun(&m.gateway.orphan)
	for k := range m.messages {
		m.ageMessage(k)
	}
	for w := range m.cfg.Workers {
		m.ageWorker(&m.workers[w])
	}
}

func (m *step) ageRun(r *run) {
	if r.running {
		r.age++
	}
}

// ageMessage: what nobody has acknowledged or extended in time is delivered again.
func (m *step) ageMessage(k int) {
	msg := &m.messages[k]
	if !msg.there || msg.available || msg.n == 0 {
		return
	}
	msg.age++
	if msg.age >= m.cfg.AckWait {
		msg.available, msg.age = true, 0
	}
}

func (m *step) ageWorker(wk *worker) {
	if wk.pulling {
		wk.pullAge = min(wk.pullAge+1, m.cfg.Pull)
	}
	if wk.open {
		wk.sent.age = m.older(wk.sent.age)
		if wk.openAge++; wk.openAge >= m.cfg.Pull {
			wk.open, wk.openAge, wk.sent = false, 0, letter{}
		}
	}
	if wk.beat.under {
		wk.beat.age = m.older(wk.beat.age)
	}
	for i := range wk.up.n {
		m.ageLetter(&wk.up.at[i])
	}
	for i := range wk.in.n {
		m.ageLetter(&wk.in.at[i])
	}
	for k := range wk.x {
		m.ageExecution(&wk.x[k])
	}
}

func (m *step) ageLetter(l *letter) {
	if l.kind == pull || l.kind == delivery {
		l.age = m.older(l.age)
	}
	if l.kind == readIs {
		l.note.age = m.older(l.note.age)
	}
}

func (m *step) ageExecution(x *execution) {
	if x.phase == idle {
		return
	}
	x.lease = m.older(x.lease)
	if x.unaskable {
		x.reread = m.cfg.Skip.UnaskableUnread // right before the call, and not earlier
	}
	if x.waits {
		x.noteAge = m.older(x.noteAge)
	}
	if x.claimed || x.phase == claiming {
		x.claimAge = m.older(x.claimAge)
	}
	if x.next.there {
		x.next.lease = m.older(x.next.lease)
	}
	m.ageRun(&x.run)
}
