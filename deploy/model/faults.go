package model

// faultMoves lists what may go wrong, how it ends, and what comes from outside.
func (m *step) faultMoves(out []move) []move {
	for w := range m.cfg.Workers {
		out = m.faultsOf(w, out)
	}
	if m.left.cancels > 0 {
		out = append(out, move{act: cancelAct})
	}
	if m.left.expiries > 0 {
		out = append(out, move{act: expireAct})
	}
	if m.left.faults > 0 && m.left.deletes > 0 && !m.consumer.absent {
		out = append(out, move{act: deleteAct})
	}
	return out
}

func (m *step) faultsOf(w int, out []move) []move {
	wk := &m.workers[w]
	add := func(a act, may bool) {
		if may {
			out = append(out, move{act: a, w: uint8(w)})
		}
	}
	add(releaseAct, wk.upHeld)
	add(releaseInAct, wk.downHeld)
	add(healAct, wk.cutOff)
	add(wakeAct, wk.paused)
	add(restartAct, wk.down && !m.consumer.absent)
	if m.left.faults == 0 {
		return out
	}
	c := m.cfg
	add(holdAct, c.Hold && !wk.upHeld && !wk.cutOff && !wk.down)
	add(holdInAct, c.HoldIn && !wk.downHeld && !wk.cutOff && !wk.down)
	add(cutAct, c.Cut && !wk.cutOff)
	add(pauseAct, c.Pause && !wk.paused && !wk.down)
	add(crashAct, c.Crash && !wk.down)
	if c.Impatient {
		for k := range wk.x {
			x := &wk.x[k]
			if m.underWay(w, func(l *letter) bool { return isAnswer(l, uint8(k), x.gen) }) {
				out = append(out, move{act: impatientAct, w: uint8(w), k: uint8(k)})
			}
		}
	}
	return out
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

// cut: the worker's server has lost the leader. What is on its way is lost.
func (m *step) cut(w int) {
	wk := &m.workers[w]
	m.tell("! the server of %s is cut off from the leader", name(w))
	wk.cutOff, wk.upHeld, wk.downHeld = true, false, false
	wk.up, wk.in = queue{}, queue{}
	wk.open, wk.sent, wk.openAge = false, letter{}, 0
}

// crash: what the process has sent arrives, what it would hear does not. A call under
// way goes on at the gateway.
func (m *step) crash(w int) {
	wk := &m.workers[w]
	m.tell("! %s crashes", name(w))
	for k := range wk.x {
		if r := wk.x[k].run; r.running {
			m.gateway.orphan = r
		}
	}
	up := wk.up
	for i := range up.n {
		up.at[i].orphan = true
	}
	*wk = worker{down: true, up: up, upHeld: wk.upHeld, cutOff: wk.cutOff}
}

// restart: the process learns which consumer there is. One that is young, where results
// or notes exist, was made anew.
func (m *step) restart(w int) {
	wk := &m.workers[w]
	wk.down = false
	m.tell("! %s starts again", name(w))
	wk.anew = m.consumer.anew && !m.cfg.Old.AnewIgnored
	wk.trusts = wk.anew && m.cfg.Skip.YoungOnly && m.consumer.age >= m.cfg.AckWait
}

func (m *step) deleteConsumer() {
	m.tell("! the consumer is deleted")
	m.consumer = consumer{absent: true}
	for k := range m.messages {
		msg := &m.messages[k]
		if msg.there {
			*msg = message{there: true}
		}
	}
	for w := range m.workers {
		wk := &m.workers[w]
		if wk.open {
			wk.open, wk.sent, wk.openAge = false, letter{}, 0
			m.reply(w, letter{kind: gone})
		}
	}
}

func (m *step) createConsumer() {
	m.tell("the consumer is made anew")
	m.consumer = consumer{anew: true}
	for k := range m.messages {
		m.messages[k].available = m.messages[k].there
	}
}

// cancel is a withdrawal: it reads the last note and writes it again, until it
// succeeds.
func (m *step) cancel() {
	m.tell("the command is withdrawn")
	n := m.note
	n.cancelled = true
	m.write(n)
}
