package model

// A letter on a healthy way arrives at once. Everything else is a hold: what is sent
// queues up behind it, in order, and arrives one by one when it ends.

// send is a request of a worker.
func (m *step) send(w int, l letter) {
	wk := &m.workers[w]
	switch {
	case wk.cutOff:
		m.tell("   %s -> %v is lost: %s is cut off from the leader", name(w), l.kind, name(w))
	case wk.upHeld || wk.up.n > 0:
		m.tell("   %s -> %v is held", name(w), l.kind)
		wk.up.push(l)
	default:
		m.arrive(w, l)
	}
}

// reply is what the server sends to a worker.
func (m *step) reply(w int, l letter) {
	wk := &m.workers[w]
	switch {
	case wk.down || l.orphan:
	case wk.cutOff:
		m.tell("   %v -> %s is lost: %s is cut off from the leader", l.kind, name(w), name(w))
	case wk.downHeld || wk.paused || wk.in.n > 0:
		m.tell("   %v -> %s is held", l.kind, name(w))
		wk.in.push(l)
	default:
		m.hear(w, l)
	}
}

func (k kind) String() string {
	return [...]string{
		"nothing", "pull", "+WPI", "consumer info", "reading ledger and note", "a note", "a result", "ack", "nak",
		"delivery", "409 Consumer Deleted", "answer to +WPI", "consumer info", "ledger and note", "answer to the note", "answer to the result",
	}[k]
}
