package model

// arrive is what the server does with a request.
func (m *step) arrive(w int, l letter) {
	switch l.kind {
	case pull:
		m.pulled(w, l)
	case progress:
		m.extended(w, l)
	case info:
		if m.consumer.absent {
			m.reply(w, letter{kind: gone, beat: l.beat, orphan: l.orphan})
			return
		}
		m.reply(w, letter{kind: infoIs, beat: l.beat, gen: l.gen, anew: m.consumer.anew, orphan: l.orphan})
	case read:
		m.reply(w, letter{kind: readIs, k: l.k, gen: l.gen, note: m.note, outcome: m.ledger.outcome, current: true,
			anew: m.consumer.anew, repeat: m.isRepeat(l.k), orphan: l.orphan})
	case swap:
		ok := l.current
		if ok {
			m.write(l.note)
		}
		m.tell("   the note of %s is %s", name(w), taken(ok))
		m.reply(w, letter{kind: swapped, k: l.k, gen: l.gen, ok: ok, current: ok, orphan: l.orphan})
	case store:
		m.store(w, l)
	case ack:
		m.acknowledged(w, l)
	case nak:
		m.nakked(w, l)
	}
}

func taken(ok bool) string {
	if ok {
		return "taken"
	}
	return "refused: there is a newer one"
}

func (m *step) pulled(w int, l letter) {
	if m.consumer.absent {
		m.reply(w, letter{kind: gone, orphan: l.orphan})
		return
	}
	if l.orphan {
		return
	}
	wk := &m.workers[w]
	wk.open, wk.openAge, wk.sent = true, 0, l
}

// deliver gives a message to a worker's pull.
func (m *step) deliver(w, k int) {
	wk, msg := &m.workers[w], &m.messages[k]
	msg.available, msg.age, msg.n = false, 0, after(msg.n)
	l := letter{kind: delivery, k: uint8(k), n: msg.n, age: wk.sent.age, seen: wk.sent.seen, anew: wk.sent.anew}
	if m.counts() {
		m.consumer.seq = min(m.consumer.seq+1, maxSeq)
		l.seq = m.consumer.seq
	}
	wk.open, wk.openAge, wk.sent = false, 0, letter{}
	m.tell("server -> %s: message %d, delivery %d", name(w), k+1, msg.n)
	m.reply(w, l)
}

// counts reports whether consumer sequences can still matter.
func (m *step) counts() bool { return m.cfg.Delete && (m.left.deletes > 0 || m.consumer.anew) }

// extended is a beat at the leader: it asks nobody whose delivery that is, and answers
// always.
func (m *step) extended(w int, l letter) {
	if m.consumer.absent {
		return
	}
	for k := range m.messages {
		if msg := &m.messages[k]; l.covers[k] && msg.there && !msg.available && msg.n > 0 {
			msg.age = 0
		}
	}
	m.reply(w, letter{kind: proof, gen: l.gen, orphan: l.orphan})
}

// nakked takes the message from whoever has it, whoever asks.
func (m *step) nakked(w int, l letter) {
	msg := &m.messages[l.k]
	if m.consumer.absent || !msg.there || msg.available || msg.n == 0 {
		return
	}
	if msg.n != l.n {
		m.tell("   the nak of %s for delivery %d takes delivery %d", name(w), l.n, msg.n)
	}
	msg.available, msg.age = true, 0
}

func (m *step) acknowledged(w int, l letter) {
	if m.consumer.absent {
		return
	}
	m.messages[l.k] = message{}
	m.tell("   message %d is acknowledged by %s", l.k+1, name(w))
	m.checkLost()
}

// isRepeat reports whether the note names a message that is still there and is the
// same command.
func (m *step) isRepeat(k uint8) bool {
	switch s := m.note.seq; {
	case s == 0 || s == k+1:
		return false
	case s == stranger:
		return m.cfg.Old.NoteBySequence
	default:
		return m.messages[s-1].there
	}
}

// stranger is the sequence of another command's message.
const stranger = maxMessages + 1

// write makes a note the last one. Whoever expects the one before is refused.
func (m *step) write(n note) {
	m.note = n
	m.note.age = 0
	for w := range m.workers {
		wk := &m.workers[w]
		for k := range wk.x {
			wk.x[k].current = false
		}
		for i := range wk.up.n {
			wk.up.at[i].current = false
		}
		for i := range wk.in.n {
			wk.in.at[i].current = false
		}
	}
}

// store takes the first result of the command and refuses every other.
func (m *step) store(w int, l letter) {
	ok := m.ledger.outcome == noResult
	if ok {
		m.ledger.outcome, m.ledger.age, m.ledger.unknown = l.outcome, 0, l.unknown
		m.tell("   the result of %s is stored: %v", name(w), l.outcome)
		m.checkResult(l)
	}
	m.reply(w, letter{kind: stored, k: l.k, gen: l.gen, ok: ok, orphan: l.orphan})
}
