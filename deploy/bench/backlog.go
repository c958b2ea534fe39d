package main

import (
	"context"
	"fmt"
	"slices"
)

// runBacklog works off more and more commands at a gateway that answers at once.
func runBacklog(ctx context.Context, l *lab) (found readings, err error) {
	var each []float64 // µs a command
	var largest backlog
	sizes := []int{1_000, 10_000, 100_000, 1_000_000}
	for _, size := range sizes {
		n := l.times(size)
		var runs []float64
		for range max(1, min(5, 100_000/n)) { // the small ones are over before they can be measured well
			b, err := l.backlog(ctx, n)
			if err != nil {
				return nil, err
			}
			runs = append(runs, b.seconds/float64(n)*1e6)
			largest = b
		}
		each = append(each, median(runs))
	}
	found.add("largest backlog: worker's peak memory", largest.memory, "MiB")
	found.add("largest backlog: first result after the start", largest.first, "s")
	found.add("time per command, slowest size against fastest", slices.Max(each)/slices.Min(each), "×")
	for i, size := range sizes {
		found.add(fmt.Sprintf("%d commands: each", l.times(size)), each[i], "µs")
	}
	return found, nil
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
