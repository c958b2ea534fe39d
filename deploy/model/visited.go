package model

// visited numbers states by their hash, in the order in which they come. Equal hashes
// count as equal states: with ten million states the odds that one is missed for that
// are one in 300,000.
type visited struct {
	hashes  []uint64 // open addressing; 0 is empty
	numbers []int32
	n       int
}

func newVisited() *visited {
	const first = 1 << 12
	return &visited{hashes: make([]uint64, first), numbers: make([]int32, first)}
}

// add returns the number of a state, and whether it is new.
func (v *visited) add(hash uint64) (int32, bool) {
	if hash == 0 {
		hash = 1
	}
	if 2*v.n >= len(v.hashes) {
		v.grow()
	}
	at := v.slot(hash)
	if v.hashes[at] == hash {
		return v.numbers[at], false
	}
	number := int32(v.n)
	v.hashes[at], v.numbers[at] = hash, number
	v.n++
	return number, true
}

// slot is where a hash is, or belongs.
func (v *visited) slot(hash uint64) uint64 {
	mask := uint64(len(v.hashes) - 1)
	at := hash & mask
	for v.hashes[at] != 0 && v.hashes[at] != hash {
		at = (at + 1) & mask
	}
	return at
}

func (v *visited) grow() {
	old := *v
	v.hashes = make([]uint64, 2*len(old.hashes))
	v.numbers = make([]int32, 2*len(old.hashes))
	for i, hash := range old.hashes {
		if hash != 0 {
			at := v.slot(hash)
			v.hashes[at], v.numbers[at] = hash, old.numbers[i]
		}
	}
}
