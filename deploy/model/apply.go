package model

// apply makes a move.
func (m *step) apply(mv move) {
	w, k := int(mv.w), int(mv.k)
	wk := &m.workers[w]
	switch mv.act {
	case tick:
		m.tick()
	case arriveAct:
		m.arrive(w, wk.up.pop())
	case hearAct:
		l := wk.in.pop()
		m.tell("%s hears: %v", name(w), l.kind)
		m.hear(w, l)
	case deliverAct:
		m.deliver(w, k)
	case pullAct:
		m.pull(w)
	case beatAct:
		m.extend(w)
	case inquireAct:
		m.send(w, letter{kind: info, gen: wk.pullGen})
	case goOnAct:
		m.goOn(w, k)
	case queryAct:
		m.query(w, k, false)
	case hinderAct:
		m.left.trouble--
		m.query(w, k, true)
	case loseAct:
		m.lose(w, k)
	case callAct:
		m.call(w, k)
	case parkAct:
		m.left.handBacks--
		m.park(w, k)
	case nudgeAct:
		m.tell("%s hears that the command is withdrawn", name(w))
		wk.x[k].cancelled = true
	case workAct:
		m.work(&wk.x[k].run)
	case endAct:
		m.ends(w, k, mv.answer)
	case answeredAct:
		m.answered(w, k)
	case resendAct:
		m.resend(w, k)
	case orphanWorkAct:
		m.work(&m.gateway.orphan)
	case orphanEndAct:
		m.gateway.orphan = run{}
	case createAct:
		m.createConsumer()
	default:
		m.applyFault(mv, w, k)
	}
	m.tidy()
}

// ends spends trouble where an answer is none.
func (m *step) ends(w, k int, a answer) {
	r := &m.workers[w].x[k].run
	if a != success && (r.worked || !m.gateway.out) {
		m.left.trouble--
	}
	m.end(w, k, a)
}

func (m *step) applyFault(mv move, w, k int) {
	wk := &m.workers[w]
	if mv.act >= holdAct && mv.act <= impatientAct {
		m.left.faults--
	}
	switch mv.act {
	case releaseAct:
		m.tell("! what %s has sent goes on", name(w))
		wk.upHeld = false
	case releaseInAct:
		m.tell("! what was sent to %s goes on", name(w))
		wk.downHeld = false
	case healAct:
		m.tell("! the server of %s has found the leader again", name(w))
		wk.cutOff = false
		wk.pulling, wk.pullAge = false, 0
	case wakeAct:
		m.tell("! %s goes on", name(w))
		wk.paused = false
	case restartAct:
		m.restart(w)
	case holdAct:
		m.tell("! what %s sends is held", name(w))
		wk.upHeld = true
	case holdInAct:
		m.tell("! what is sent to %s is held", name(w))
		wk.downHeld = true
	case cutAct:
		m.cut(w)
	case pauseAct:
		m.tell("! %s is stopped", name(w))
		wk.paused = true
	case crashAct:
		m.crash(w)
	case deleteAct:
		m.left.deletes--
		m.deleteConsumer()
	case impatientAct:
		m.resend(w, k)
	case cancelAct:
		m.left.cancels--
		m.cancel()
	case expireAct:
		m.left.expiries--
		m.tell("the command expires")
		m.expired = true
	}
}

// goOn is the one next step of an execution.
func (m *step) goOn(w, k int) {
	x := &m.workers[w].x[k]
	if x.phase == resting {
		if m.leaseLost(x) {
			m.lose(w, k)
			return
		}
		m.tell("%s has rested message %d", name(w), k+1)
		m.read(w, k)
		return
	}
	switch todo, end := m.decide(w, k); todo {
	case mayEnd:
		m.record(w, k, end)
	case mayClaim:
		m.claim(w, k)
	case mayNote:
		m.noteEnd(w, k)
	case mayRead:
		m.read(w, k)
	case mayWait:
		x.waits = false
	}
}

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

// tidy forgets what makes no difference any more, so that equal states are one.
func (m *step) tidy() {
	for w := range m.cfg.Workers {
		wk := &m.workers[w]
		for k := range wk.x {
			x := &wk.x[k]
			if x.gen != 0 && !m.underWay(w, func(l *letter) bool { return isAnswerTo(l, uint8(k)) }) {
				x.gen = 0
			}
			if !x.claimed && x.phase != claiming {
				x.claimAge = 0
			}
			if !x.waits {
				x.noteAge = 0
			}
		}
		if wk.pullGen != 0 && !m.underWay(w, func(l *letter) bool { return !l.beat && (l.kind == info || l.kind == infoIs) }) {
			wk.pullGen = 0
		}
		if !wk.beat.under {
			if !m.underWay(w, func(l *letter) bool { return l.kind == progress || l.kind == proof || l.beat }) {
				wk.beat = beat{}
			} else {
				wk.beat = beat{gen: wk.beat.gen}
			}
		}
	}
	if m.note.seq == 0 {
		m.note.age = m.cfg.AckWait
	}
}

func isAnswerTo(l *letter, k uint8) bool {
	switch l.kind {
	case read, swap, store, readIs, swapped, stored:
		return l.k == k
	default:
		return false
	}
}

// restEndsEarly: calls end with the command's life, so nobody can be at it any more.
func (m *step) restEndsEarly() bool { return m.expired || m.cfg.Skip.WithdrawnRest && m.note.cancelled }
