package session

import "slices"

// waiter is a call that waits for a free inspector.
type waiter struct {
	wish  Wish
	ready chan grant // has room for one
}

// grant is how a wait ends: with an inspector, or with the reason for none.
type grant struct {
	use *Use
	err error
}

// queue puts a waiter behind all that are as urgent.
func (p *Pool) queue(w *waiter) {
	at, _ := slices.BinarySearchFunc(p.waiters, w, func(other, w *waiter) int {
		if other.wish.By.After(w.wish.By) {
			return 1
		}
		return -1
	})
	p.waiters = slices.Insert(p.waiters, at, w)
}

// leaveQueue ends a wait from the waiter's side. An inspector that was handed out at the
// same moment goes back.
func (p *Pool) leaveQueue(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiters = slices.DeleteFunc(p.waiters, func(other *waiter) bool { return other == w })
	select {
	case g := <-w.ready:
		if g.use != nil {
			g.use.free()
		}
	default:
	}
}

// dispatch serves waiters, the most urgent first, and ends the wait of those for whom no
// inspector can come.
func (p *Pool) dispatch() {
	left := p.waiters[:0]
	for i, w := range p.waiters {
		use, err := p.grant(w.wish)
		if use == nil && err == nil {
			left = append(left, w)
			if p.inFlight >= p.most {
				left = append(left, p.waiters[i+1:]...)
				break
			}
			continue
		}
		w.ready <- grant{use, err}
	}
	clear(p.waiters[len(left):])
	p.waiters = left
}
