package model

// edges are the moves without a new fault, from each state in turn.
type edges struct {
	first []int32 // per state: where its targets begin
	to    []int32
	eager []bool // of such a move: nobody dallies, and no fault lasts
	ended []bool // per state
}

// leave begins the moves of the next state.
func (e *edges) leave(s *state) {
	e.first = append(e.first, int32(len(e.to)))
	e.ended = append(e.ended, s.ended())
}

func (e *edges) lead(to int32, eager bool) {
	e.to = append(e.to, to)
	e.eager = append(e.eager, eager)
}

func (e *edges) of(at int32) (from, to int32) {
	if int(at)+1 < len(e.first) {
		return e.first[at], e.first[at+1]
	}
	return e.first[at], int32(len(e.to))
}

// reversed lists per state where the moves to it come from.
func (e *edges) reversed(onlyEager bool) (first, from []int32) {
	n := int32(len(e.first))
	first = make([]int32, n+1)
	for i, to := range e.to {
		if !onlyEager || e.eager[i] {
			first[to+1]++
		}
	}
	for i := range n {
		first[i+1] += first[i]
	}
	from = make([]int32, first[n])
	at := append([]int32(nil), first...)
	for s := range n {
		for i, end := e.of(s); i < end; i++ {
			if to := e.to[i]; !onlyEager || e.eager[i] {
				from[at[to]] = s
				at[to]++
			}
		}
	}
	return first, from
}

// endless is the first state from which no way leads to the command's end, -1 if there
// is none.
func (e *edges) endless() int32 {
	first, from := e.reversed(false)
	ends := append([]bool(nil), e.ended...)
	var todo []int32
	for s, ended := range ends {
		if ended {
			todo = append(todo, int32(s))
		}
	}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, before := range from[first[s]:first[s+1]] {
			if !ends[before] {
				ends[before] = true
				todo = append(todo, before)
			}
		}
	}
	return firstFalse(ends)
}

// roundabout is the first state to which moves without a fault can lead back again and
// again though nobody dallies; -1 if there is none.
func (e *edges) roundabout() int32 {
	gone := e.leadNowhere()
	e.comeFromNowhere(gone)
	return firstFalse(gone)
}

// leadNowhere marks what has no way on, and then what leads only there: circles stay, and
// what leads to them.
func (e *edges) leadNowhere() (gone []bool) {
	first, from := e.reversed(true)
	ways := make([]int32, len(e.first)) // that may still lead round
	gone = make([]bool, len(e.first))
	var todo []int32
	for s := range int32(len(e.first)) {
		for i, end := e.of(s); i < end; i++ {
			if e.eager[i] {
				ways[s]++
			}
		}
		if ways[s] == 0 || e.ended[s] {
			gone[s] = true
			todo = append(todo, s)
		}
	}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, before := range from[first[s]:first[s+1]] {
			if ways[before]--; ways[before] == 0 && !gone[before] {
				gone[before] = true
				todo = append(todo, before)
			}
		}
	}
	return gone
}

// comeFromNowhere marks what nothing leads to of what is left, and so on: what leads to a
// circle and is not on it.
func (e *edges) comeFromNowhere(gone []bool) {
	ways := make([]int32, len(e.first))
	each := func(s int32, do func(to int32)) {
		for i, end := e.of(s); i < end; i++ {
			if e.eager[i] && !gone[e.to[i]] {
				do(e.to[i])
			}
		}
	}
	for s := range int32(len(gone)) {
		if !gone[s] {
			each(s, func(to int32) { ways[to]++ })
		}
	}
	var todo []int32
	for s := range int32(len(gone)) {
		if !gone[s] && ways[s] == 0 {
			todo = append(todo, s)
		}
	}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		gone[s] = true
		each(s, func(to int32) {
			if ways[to]--; ways[to] == 0 {
				todo = append(todo, to)
			}
		})
	}
}

func firstFalse(list []bool) int32 {
	for i, is := range list {
		if !is {
			return int32(i)
		}
	}
	return -1
}

// healthy reports whether no fault lasts.
func (s *state) healthy() bool {
	for w := range s.workers {
		wk := &s.workers[w]
		if wk.down || wk.paused || wk.upHeld || wk.downHeld || wk.cutOff {
			return false
		}
	}
	return true
}
