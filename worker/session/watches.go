package session

import (
	"slices"
	"sync"
)

// watches tells those who wait for it that an agent has signed out. The keeper's poll
// brings the news.
type watches struct {
	mu      sync.Mutex
	waiting map[string][]chan struct{}
}

// Watch returns a channel that is closed when this worker hears that the agent
// has signed out, and a function that ends the watch. Only the worker that keeps
// a session hears anything, and only with Config.Listen.
func (p *Pool) Watch(workNo string) (out <-chan struct{}, stop func()) {
	w := &p.watches
	c := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting[workNo] = append(w.waiting[workNo], c)
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		left := slices.DeleteFunc(w.waiting[workNo], func(other chan struct{}) bool { return other == c })
		if w.waiting[workNo] = left; len(left) == 0 {
			delete(w.waiting, workNo)
		}
	}
}

func (w *watches) announce(workNo string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.waiting[workNo] {
		close(c)
	}
	delete(w.waiting, workNo)
}
