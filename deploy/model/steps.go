package model

// executionMoves lists what can happen next to what a worker has in hand.
func (m *step) executionMoves(at move, out []move) []move {
	w, k := int(at.w), int(at.k)
	wk := &m.workers[w]
	x := &wk.x[k]
	add := func(a act) { out = append(out, move{act: a, w: at.w, k: at.k}) }
	switch x.phase {
	case idle:
	case resting:
		if m.leaseLost(x) || m.restIsOver(w) || m.restEndsEarly() {
			add(goOnAct)
		}
	case calling:
		if x.run.answer != noAnswer {
			add(answeredAct)
		}
	case ready:
		switch todo, _ := m.decide(w, k); todo {
		case mayQuery:
			add(queryAct)
			if m.left.trouble > 0 && !m.cfg.NoQuery {
				add(hinderAct)
			}
		case mayCall:
			add(callAct)
		case mayLose:
			add(loseAct)
		case mayWait:
			if x.waits && x.noteAge >= m.cfg.AckWait {
				add(goOnAct)
			}
		default:
			add(goOnAct)
		}
		if m.note.cancelled && !x.cancelled && !wk.cutOff && !wk.downHeld {
			add(nudgeAct)
		}
		// A note must not hide somebody's claim.
		if m.left.handBacks > 0 && !m.leaseLost(x) && (!x.waits || m.cfg.Skip.ClaimHidden) {
			add(parkAct)
		}
	default: // an answer is awaited
		if !wk.cutOff && !m.underWay(w, func(l *letter) bool { return isAnswer(l, at.k, x.gen) }) {
			add(resendAct)
		}
	}
	return out
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

// isAnswer reports whether a letter is a request of an execution, or the answer.
func isAnswer(l *letter, k, gen uint8) bool {
	switch l.kind {
	case read, swap, store, readIs, swapped, stored:
		return l.k == k && l.gen == gen && !l.orphan
	default:
		return false
	}
}
