package model

import (
	"hash/maphash"
	"reflect"
	"testing"
	"unsafe"
)

// TestBytes: a state has no bytes but its fields', or it could not be hashed as bytes.
func TestBytes(t *testing.T) {
	if got, want := int(unsafe.Sizeof(state{})), size(reflect.TypeFor[state]()); got != want {
		t.Errorf("a state has %d bytes, its fields %d", got, want)
	}
}

func size(t reflect.Type) int {
	switch t.Kind() {
	case reflect.Struct:
		sum := 0
		for i := range t.NumField() {
			sum += size(t.Field(i).Type)
		}
		return sum
	case reflect.Array:
		return t.Len() * size(t.Elem())
	case reflect.Bool, reflect.Uint8:
		return 1
	default:
		return -1 << 20 // wider than a byte, or a pointer
	}
}

// TestFrontier: states come out as they went in.
func TestFrontier(t *testing.T) {
	var a, b, got state
	a.expired = true
	b.workers[maxWorkers-1].in.at[room-1].before = 1 // behind more zeros than a byte counts
	var f frontier
	f.add(&a)
	f.add(&b)
	at := f.next(0, &got)
	if got != a {
		t.Error("the first state is another one")
	}
	if f.next(at, &got) != len(f.data) || got != b {
		t.Error("the last state is another one")
	}
}

// TestSymmetry: which worker is which makes no difference, who claimed does.
func TestSymmetry(t *testing.T) {
	cfg := world("", three)
	x := explorer{cfg: &cfg, seed: maphash.MakeSeed(), orders: orders(cfg.Workers)}
	hash := func(paused int, owner uint8) uint64 {
		s := x.start()
		s.workers[paused].paused = true
		s.note.owner = owner
		return x.hash(&s)
	}
	if hash(0, 1) != hash(2, 3) {
		t.Error("renamed workers make another state")
	}
	if hash(0, 1) == hash(0, 2) {
		t.Error("a claim of another worker makes no other state")
	}
}

// TestProgress: the ways 0 -> 1 -> 2 (the end), 1 -> 3 -> 1, 0 -> 4.
func TestProgress(t *testing.T) {
	graph := func(lazy, stuck bool) *edges {
		var e edges
		targets := [][]int32{{1}, {2, 3}, nil, {1}, {2}}
		if stuck {
			targets[0], targets[4] = []int32{1, 4}, nil
		}
		for at, to := range targets {
			e.first = append(e.first, int32(len(e.to)))
			e.ended = append(e.ended, at == 2)
			for _, next := range to {
				e.lead(next, at != 3 || !lazy)
			}
		}
		return &e
	}
	if got := graph(false, false).endless(); got != -1 {
		t.Errorf("state %d cannot end, want none", got)
	}
	if got := graph(false, true).endless(); got != 4 {
		t.Errorf("state %d cannot end, want 4", got)
	}
	if got := graph(false, false).roundabout(); got != 1 {
		t.Errorf("state %d leads round for ever, want 1", got)
	}
	if got := graph(true, false).roundabout(); got != -1 {
		t.Errorf("state %d leads round for ever, want none: it has to dally", got)
	}
}
