package main

import (
	"context"
	"fmt"
	"slices"
)

// runBacklog works off more and more commands at a gateway that answers at once, and
// then fewer and fewer: a machine's speed changes within minutes, and the sizes shall
// have had the same.
func runBacklog(ctx context.Context, l *lab) (found readings, err error) {
	sizes := []int{1_000, 10_000, 100_000, 1_000_000}
	each := map[int][]float64{} // µs a command
	var largest backlog
	for _, size := range []int{sizes[0], sizes[1], sizes[2], sizes[3], sizes[2], sizes[1], sizes[0]} {
		n := l.times(size)
		for range max(1, min(5, 200_000/n)) { // the small ones are over before they can be measured well
			b, err := l.backlog(ctx, n)
			if err != nil {
				return nil, err
			}
			each[size] = append(each[size], b.seconds/float64(n)*1e6)
			if size == sizes[3] {
				largest = b
			}
		}
	}
	var medians []float64
	for _, size := range sizes {
		medians = append(medians, median(each[size]))
	}
	further := furtherCommands(sizes, medians)
	found.add("largest backlog: worker's peak memory", largest.memory, "MiB")
	found.add("largest backlog: first result after the start", largest.first, "s")
	found.add("time of each further command, slowest against fastest", slices.Max(further)/slices.Min(further), "×")
	for i, size := range sizes {
		found.add(fmt.Sprintf("%d commands: each", l.times(size)), medians[i], "µs")
	}
	for i, size := range sizes[1:] {
		found.add(fmt.Sprintf("up to %d commands: each further one", l.times(size)), further[i], "µs")
	}
	return found, nil
}

// furtherCommands is what each command takes by which a size is larger than the one
// before: growth is linear where that stays the same. What a process takes once, for
// its start and its last commands, is not in it; it is a sixth of what the first
// thousand take.
func furtherCommands(sizes []int, each []float64) (further []float64) {
	for i := 1; i < len(sizes); i++ {
		more := each[i]*float64(sizes[i]) - each[i-1]*float64(sizes[i-1])
		further = append(further, more/float64(sizes[i]-sizes[i-1]))
	}
	return further
}

// backlog is how one was worked off.
type backlog struct {
	seconds float64 // from the first result to the last
	first   float64 // from the worker's start to the first result, seconds
	memory  float64 // peak, MiB
}

func (l *lab) backlog(ctx context.Context, n int) (b backlog, err error) {
	s, err := l.newSite(ctx)
	if err != nil {
		return b, err
	}
	defer closing(s, &err)
	if err := s.fill(ctx, workerCommands, n); err != nil {
		return b, err
	}
	p, err := s.hire(ctx, s.natsURL)
	if err != nil {
		return b, err
	}
	state, err := s.await(ctx, s.results, n)
	if err != nil {
		return b, err
	}
	return backlog{
		seconds: state.LastTime.Sub(state.FirstTime).Seconds(),
		first:   state.FirstTime.Sub(p.started).Seconds(),
		memory:  p.usage().peak,
	}, nil
}
