package main

import (
	"context"
	"syscall"
	"time"
)

// runCrash kills the worker in the middle of a steady stream and starts another at
// once.
func runCrash(ctx context.Context, l *lab) (found readings, err error) {
	n := l.times(15_000)
	s, err := l.newSite(ctx, waitingGateway...)
	if err != nil {
		return nil, err
	}
	defer closing(s, &err)
	p, err := s.hire(ctx, s.natsURL)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	sent := make(chan error, 1)
	go func() { sent <- s.stream(ctx, workerCommands, n, pace) }()
	if _, err := s.await(ctx, s.results, n/5); err != nil {
		return nil, err
	}
	if err := p.end(syscall.SIGKILL); err != nil {
		return nil, err
	}
	if _, err := s.hire(ctx, s.natsURL); err != nil {
		return nil, err
	}
	if err := <-sent; err != nil {
		return nil, err
	}
	all, err := s.read(ctx, s.results, n)
	if err != nil {
		return nil, err
	}
	inFlight := func(r stored) bool { return r.Redelivered }
	caught, others := latencies(all, inFlight), latencies(all, func(r stored) bool { return !inFlight(r) })
	found.add("longest wait of a command that the killed worker did not have", float64(others.Max())/1e6, "s")
	found.add("longest wait of a command that it had", float64(caught.Max())/1e6, "s")
	found.add("commands that it had", float64(caught.TotalCount()), "")
	return found, nil
}
