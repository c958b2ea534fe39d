package model

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
