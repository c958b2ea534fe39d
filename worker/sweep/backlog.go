package sweep

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

const (
	// maxNoted bounds the commands whose expiry is remembered one by one. Of what is
	// beyond, the next expiry of each batch is.
	maxNoted = 50_000
	// nearBy is how far apart in the stream what is due may be to be read together.
	nearBy = 8
)

// backlog is what is known of the commands that wait in the stream while this worker
// pulls none. It holds no command, so it costs little for a million.
type backlog struct {
	seen  uint64 // read up to this sequence
	spans spans  // when what was read is to be read again
}

// waits is a command that waits, and when it has to end.
type waits struct {
	seq uint64
	at  time.Time
}

// span is a part of the stream, both ends included, with a command that expires at at
// first.
type span struct {
	from, to uint64
	at       int64 // in nanoseconds of Unix time
}

// note remembers commands of one batch.
func (b *backlog) note(batch []waits) {
	if len(b.spans)+len(batch) <= maxNoted {
		for _, c := range batch {
			heap.Push(&b.spans, span{c.seq, c.seq, c.at.UnixNano()})
		}
		return
	}
	if len(batch) == 0 {
		return
	}
	next := slices.MinFunc(batch, func(c, d waits) int { return c.at.Compare(d.at) })
	heap.Push(&b.spans, span{batch[0].seq, batch[len(batch)-1].seq, next.at.UnixNano()})
}

// due returns what is to be read now, and forgets it.
func (b *backlog) due(now time.Time) []reading {
	var all []span
	for len(b.spans) > 0 && b.spans[0].at <= now.UnixNano() {
		all = append(all, heap.Pop(&b.spans).(span))
	}
	return together(all)
}

// reading is what is read with one request: parts of the stream, in order.
type reading []span

func (r reading) contains(seq uint64) bool {
	at, found := slices.BinarySearchFunc(r, seq, func(s span, seq uint64) int { return cmp.Compare(s.from, seq) })
	return found || at > 0 && seq <= r[at-1].to
}

// together joins what is near enough to be read at once.
func together(all []span) (joined []reading) {
	slices.SortFunc(all, func(s, t span) int { return cmp.Compare(s.from, t.from) })
	for _, s := range all {
		if last := len(joined) - 1; last >= 0 && joined[last].takes(s) {
			joined[last] = append(joined[last], s)
			continue
		}
		joined = append(joined, reading{s})
	}
	return joined
}

// takes reports whether a span that follows is near, and the batch large enough.
func (r reading) takes(s span) bool {
	return s.from <= r[len(r)-1].to+nearBy && s.to-r[0].from < lookBatch
}

// spans is a heap, the first that is due on top.
type spans []span

func (s spans) Len() int           { return len(s) }
func (s spans) Less(i, j int) bool { return s[i].at < s[j].at }
func (s spans) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

// Push implements heap.Interface.
func (s *spans) Push(x any) { *s = append(*s, x.(span)) }

// Pop implements heap.Interface.
func (s *spans) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	*s = (*s)[:last]
	return x
}
