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
		m.end(w, k, mv.answer)
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
