package model

import (
	"hash/maphash"
	"slices"
	"unsafe"
)

// Found is what an exploration came to.
type Found struct {
	States  int
	Wrong   string   // the invariant that is broken, "" if none
	History []string // the shortest way there, in readable lines
	Cut     bool     // the limit of states was reached: not all was tried
}

// Explore tries all histories of a world, shortest first, up to a number of states.
func Explore(cfg Config, limit int) Found {
	x := &explorer{cfg: &cfg, seed: maphash.MakeSeed(), orders: orders(cfg.Workers), known: newVisited()}
	return x.run(limit)
}

type explorer struct {
	cfg    *Config
	seed   maphash.Seed
	orders [][maxWorkers]uint8
	known  *visited
	from   []int32 // the state before
	by     []move  // and the move that led on
	edges  edges
	moves  []move // of the state in hand
}

func (x *explorer) start() state {
	c := x.cfg
	s := state{
		consumer: consumer{age: c.AckWait},
		note:     note{age: c.AckWait},
		left:     left{faults: c.Faults, trouble: c.Trouble, handBacks: c.HandBacks},
	}
	for k := range c.Messages {
		s.messages[k] = message{there: true, available: true}
	}
	if c.Earlier {
		s.note.seq, s.note.n = stranger, 1
	}
	if c.Delete {
		s.left.deletes = 1
	}
	if c.Cancel {
		s.left.cancels = 1
	}
	if c.Expire {
		s.left.expiries = 1
	}
	return s
}

func (x *explorer) run(limit int) Found {
	first := x.start()
	x.add(&first, -1, move{})
	var now, later frontier
	now.add(&first)
	var s state
	for at := int32(0); len(now.data) > 0; now, later = later, now.emptied() {
		for i := 0; i < len(now.data); at++ {
			i = now.next(i, &s)
			if mv, wrong := x.expand(&s, at, &later); wrong != "" {
				return Found{States: len(x.from), Wrong: wrong, History: x.history(at, mv)}
			}
			if len(x.from) > limit {
				return Found{States: len(x.from), Cut: true}
			}
		}
	}
	return x.progress()
}

// expand makes all moves of a state. It stops at one that breaks an invariant.
func (x *explorer) expand(s *state, at int32, later *frontier) (move, string) {
	m := step{state: s, cfg: x.cfg}
	x.moves = m.moves(x.moves)
	x.edges.leave(s)
	healthy := s.healthy()
	acts := false // something else than time can go on
	var t state
	for _, mv := range x.moves {
		t = *s
		n := step{state: &t, cfg: x.cfg}
		n.apply(mv)
		if n.wrong != "" {
			return mv, n.wrong
		}
		number, isNew := x.add(&t, at, mv)
		if isNew {
			later.add(&t)
		}
		if !mv.isFault() {
			x.edges.lead(number, healthy && !(mv.act == tick && acts))
			acts = acts || mv.act != tick
		}
	}
	return move{}, ""
}

// progress looks whether every command ends.
func (x *explorer) progress() Found {
	f := Found{States: len(x.from)}
	at := x.edges.endless()
	if f.Wrong = neverEnds; at < 0 {
		at = x.edges.roundabout()
		f.Wrong = livelock
	}
	if at < 0 {
		f.Wrong = ""
		return f
	}
	f.History = append(x.history(at), "=> "+f.Wrong)
	return f
}

// add returns the number of a state, and whether it is new.
func (x *explorer) add(s *state, from int32, by move) (int32, bool) {
	number, isNew := x.known.add(x.hash(s))
	if isNew {
		x.from = append(x.from, from)
		x.by = append(x.by, by)
	}
	return number, isNew
}

// hash is the same for states that differ only in which worker is which.
func (x *explorer) hash(s *state) uint64 {
	used := unsafe.Offsetof(s.workers) + uintptr(x.cfg.Workers)*unsafe.Sizeof(s.workers[0])
	least := maphash.Bytes(x.seed, bytesOf(s)[:used])
	t := *s
	for _, order := range x.orders {
		t.reorder(s, order[:x.cfg.Workers])
		least = min(least, maphash.Bytes(x.seed, bytesOf(&t)[:used]))
	}
	return least
}

// reorder makes the worker order[i] of another state worker i.
func (s *state) reorder(from *state, order []uint8) {
	var rank [maxWorkers + 1]uint8 // of the old one; both from 1
	for i, old := range order {
		rank[old+1] = uint8(i + 1)
		s.workers[i] = from.workers[old]
	}
	s.note.owner = rank[from.note.owner]
	for w := range order {
		for _, q := range [...]*queue{&s.workers[w].up, &s.workers[w].in} {
			for i := range q.n {
				q.at[i].note.owner = rank[q.at[i].note.owner]
			}
		}
	}
}

func orders(workers int) [][maxWorkers]uint8 {
	switch workers {
	case 2:
		return [][maxWorkers]uint8{{1, 0, 2}}
	case 3:
		return [][maxWorkers]uint8{{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}
	default:
		return nil
	}
}

// history makes the moves to a state once more, and listens.
func (x *explorer) history(to int32, further ...move) []string {
	var moves []move
	for at := to; x.from[at] >= 0; at = x.from[at] {
		moves = append(moves, x.by[at])
	}
	slices.Reverse(moves)
	s := x.start()
	var lines []string
	for _, mv := range append(moves, further...) {
		m := step{state: &s, cfg: x.cfg, say: func(line string) { lines = append(lines, line) }}
		m.apply(mv)
	}
	return lines
}
