package model

import "fmt"

// step is one move under way: it changes a state, and says what happens if somebody
// listens.
type step struct {
	*state
	cfg   *Config
	wrong string // the invariant that this move breaks
	say   func(string)
}

func (m *step) tell(format string, args ...any) {
	if m.say != nil {
		m.say(fmt.Sprintf(format, args...))
	}
}

// breaks notes the first invariant that is broken.
func (m *step) breaks(what string) {
	if m.wrong == "" {
		m.wrong = what
	}
	m.tell("=> %s", what)
}

func name(w int) string { return [...]string{"w1", "w2", "w3"}[w] }

// older is an age one tick later. Ages stop at AckWait.
func (m *step) older(age uint8) uint8 { return min(age+1, m.cfg.AckWait) }

// after is the number of the delivery after n. Numbers would grow for ever where
// deliveries are lost for ever; from 7 they come round to 4.
func after(n uint8) uint8 {
	if n >= 7 {
		return 4
	}
	return n + 1
}

// maxSeq is where consumer sequences stop; they count only while it can matter whether
// the consumer was made anew.
const maxSeq = 5
