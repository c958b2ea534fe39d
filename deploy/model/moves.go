package model

// act is what can happen next.
type act uint8

const (
	tick act = iota
	arriveAct
	hearAct
	deliverAct
	pullAct
	beatAct
	inquireAct
	goOnAct // the one next step of an execution
	queryAct
	hinderAct
	loseAct // it notices that its lease is over
	callAct
	parkAct
	nudgeAct
	workAct
	endAct
	answeredAct
	resendAct
	orphanWorkAct
	orphanEndAct
	createAct

	// Ends of faults.
	releaseAct
	releaseInAct
	healAct
	wakeAct
	restartAct

	// Faults, and what comes from outside.
	holdAct
	holdInAct
	cutAct
	pauseAct
	crashAct
	deleteAct
	impatientAct
	cancelAct
	expireAct
)

type move struct {
	act    act
	w, k   uint8
	answer answer
}

// isFault reports whether a move is none that must happen: a fault, a choice from
// outside, or trouble of the gateway.
func (mv move) isFault() bool {
	switch mv.act {
	case hinderAct, parkAct, nudgeAct:
		return true
	case endAct:
		return mv.answer != success && mv.answer != refused
	default:
		return mv.act >= holdAct
	}
}

// moves lists what can happen in a state. Time passes only when nothing is left that
// happens at once.
func (m *step) moves(out []move) []move {
	out = m.prompt(out[:0])
	slow := len(out)
	urgent := false
	for _, mv := range out[:slow] {
		urgent = urgent || !mv.maySuspend()
	}
	if !urgent && m.timeMayPass() {
		out = append(out, move{act: tick})
	}
	return m.faultMoves(out)
}

// maySuspend reports whether time may pass before a move: a call waits for an inspector,
// and whoever waits does not notice that its lease is over.
func (mv move) maySuspend() bool {
	switch mv.act {
	case loseAct, callAct, parkAct, nudgeAct, workAct, endAct, hinderAct:
		return true
	default:
		return false
	}
}

// timeMayPass: a call that has lasted its time ends first.
func (m *step) timeMayPass() bool {
	if m.consumer.absent || m.gateway.orphan.running && m.gateway.orphan.age >= m.cfg.Call {
		return false
	}
	for w := range m.cfg.Workers {
		for k := range m.cfg.Messages {
			r := &m.workers[w].x[k].run
			limit := r.limit
			if m.workers[w].paused {
				limit = m.cfg.Call
			}
			if r.running && r.age >= limit {
				return false
			}
		}
	}
	return true
}

// prompt lists what happens without a fault.
func (m *step) prompt(out []move) []move {
	if m.consumer.absent {
		out = append(out, move{act: createAct})
	}
	if r := &m.gateway.orphan; r.running {
		if !m.gateway.out {
			out = append(out, move{act: orphanWorkAct})
		}
		out = append(out, move{act: orphanEndAct})
	}
	for w := range m.cfg.Workers {
		out = m.promptOf(w, out)
	}
	return out
}

func (m *step) promptOf(w int, out []move) []move {
	wk := &m.workers[w]
	at := move{w: uint8(w)}
	add := func(a act) { out = append(out, move{act: a, w: at.w, k: at.k}) }
	if wk.up.n > 0 && !wk.upHeld {
		add(arriveAct)
	}
	for k := range m.cfg.Messages {
		at.k = uint8(k)
		if wk.open && m.messages[k].available && !m.consumer.absent {
			add(deliverAct)
		}
		out = m.gatewayMoves(at, out)
	}
	at.k = 0
	if wk.down || wk.paused {
		return out
	}
	if wk.in.n > 0 && !wk.downHeld {
		add(hearAct)
	}
	if m.pullDue(w) {
		add(pullAct)
	}
	if m.beatDue(w) {
		add(beatAct)
	}
	if wk.inquires && !m.consumer.absent && !wk.cutOff && !m.underWay(w, func(l *letter) bool { return l.kind == info || l.kind == infoIs }) {
		add(inquireAct)
	}
	for k := range m.cfg.Messages {
		out = m.executionMoves(move{w: uint8(w), k: uint8(k)}, out)
	}
	return out
}

// underWay reports whether a letter of a worker, or to it, is held somewhere.
func (m *step) underWay(w int, match func(*letter) bool) bool {
	wk := &m.workers[w]
	return wk.up.has(match) || wk.in.has(match)
}

// pullDue: one pull at a time. It is sent anew when it has ended, or must have.
func (m *step) pullDue(w int) bool {
	wk := &m.workers[w]
	if wk.cutOff || m.consumer.absent || m.underWay(w, isOfPull) {
		return false
	}
	return !wk.pulling || wk.pullAge >= m.cfg.Pull
}

// isOfPull: while it or its answers are on their way, the next pull waits.
func isOfPull(l *letter) bool {
	return l.kind == pull || l.kind == delivery || (l.kind == info || l.kind == infoIs) && !l.beat
}
