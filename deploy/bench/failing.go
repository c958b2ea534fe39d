package main

import (
	"context"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	pace = 600.0 // commands a second, about half of what the slots could do
	// every tenth agent's calls fail three times
	tenth = 10
)

// failGateway makes every n-th agent's calls fail three times.
func failGateway(every int) []string {
	return append([]string{"-fail-every", strconv.Itoa(every), "-fail-times", "3"}, waitingGateway...)
}

func isFailing(workNo string, every int) bool {
	agent, _ := strconv.Atoi(workNo)
	return (agent-firstAgent)%every == 0
}

// latencies is how long the commands that keep has to do with took, from when they
// were issued to when their result was stored.
func latencies(all []stored, keep func(stored) bool) *hdrhistogram.Histogram {
	h := hdrhistogram.New(1, time.Hour.Microseconds(), 3)
	for _, r := range all {
		if keep(r) {
			_ = h.RecordValue(max(1, r.at.Sub(r.IssuedAt).Microseconds()))
		}
	}
	return h
}

// at is a percentile in milliseconds.
func at(h *hdrhistogram.Histogram, percentile float64) float64 {
	return float64(h.ValueAtPercentile(percentile)) / 1000
}

// paced streams commands to a worker, or to a peer, and returns their results.
func (l *lab) paced(ctx context.Context, role string, n int, gateway []string) (all []stored, err error) {
	s, err := l.newSite(ctx, gateway...)
	if err != nil {
		return nil, err
	}
	defer closing(s, &err)
	subject, results := peerCommands, peerResults
	if role == "worker" {
		subject, results = workerCommands, s.results
		_, err = s.hire(ctx, s.natsURL)
	} else {
		_, err = s.peer(ctx, role, s.natsURL)
	}
	if err != nil {
		return nil, err
	}
	// The first ones wait for the start.
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	if err := s.stream(ctx, subject, n, pace); err != nil {
		return nil, err
	}
	return s.read(ctx, results, n)
}

// runTail compares how long healthy commands take beside failing ones and without.
func runTail(ctx context.Context, l *lab) (found readings, err error) {
	n := l.times(9_000)
	healthy := func(r stored) bool { return !isFailing(r.WorkNo, tenth) }
	ratios := map[string]float64{}
	for _, role := range []string{"worker", "loop"} {
		without, err := l.paced(ctx, role, n, waitingGateway)
		if err != nil {
			return nil, err
		}
		beside, err := l.paced(ctx, role, n, failGateway(tenth))
		if err != nil {
			return nil, err
		}
		base, with := latencies(without, healthy), latencies(beside, healthy)
		ratios[role] = at(with, 99) / at(base, 99)
		if role == "worker" {
			found.add("worker: p99 of healthy commands beside failing ones, against none failing", ratios[role], "×")
		} else {
			found.add(role+": the same", ratios[role], "×")
		}
		for name, h := range map[string]*hdrhistogram.Histogram{"none failing": base, "beside failing": with} {
			for _, p := range []float64{50, 99, 99.9} {
				found.add(role+", "+name+": p"+strconv.FormatFloat(p, 'g', -1, 64), at(h, p), "ms")
			}
		}
	}
	return found, nil
}

// runFreeSlots compares the healthy commands that each slot works off that no failing
// call takes. A failing call takes a slot for as long as the others do where none fails.
func runFreeSlots(ctx context.Context, l *lab) (found readings, err error) {
	n := l.times(24_000)
	base, _, err := l.callRates(ctx, n, waitingGateway)
	if err != nil {
		return nil, err
	}
	healthy, failing, err := l.callRates(ctx, n, failGateway(2))
	if err != nil {
		return nil, err
	}
	perSlot := base / slots
	free := slots - failing/perSlot
	found.add("healthy throughput per free slot, half failing against none", healthy/free/perSlot, "")
	found.add("none failing: per slot", perSlot, "/s")
	found.add("half failing: per free slot", healthy/free, "/s")
	found.add("half failing: share of the slots that failing calls take", 1-free/slots, "")
	return found, nil
}

// callRates is how many calls about healthy and about failing agents a worker makes in
// a second, while there is enough of both.
func (l *lab) callRates(ctx context.Context, n int, gateway []string) (healthy, failing float64, err error) {
	s, err := l.newSite(ctx, gateway...)
	if err != nil {
		return 0, 0, err
	}
	defer closing(s, &err)
	if err := s.fill(ctx, workerCommands, n); err != nil {
		return 0, 0, err
	}
	if _, err := s.hire(ctx, s.natsURL); err != nil {
		return 0, 0, err
	}
	if _, err := s.await(ctx, s.results, n/10); err != nil {
		return 0, 0, err
	}
	first, begin, err := s.tallyNow()
	if err != nil {
		return 0, 0, err
	}
	if _, err := s.await(ctx, s.results, n/2); err != nil {
		return 0, 0, err
	}
	last, end, err := s.tallyNow()
	if err != nil {
		return 0, 0, err
	}
	seconds := end.Sub(begin).Seconds()
	return float64(last.Healthy-first.Healthy) / seconds, float64(last.Failing-first.Failing) / seconds, nil
}

func (s *site) tallyNow() (tally, time.Time, error) {
	t, err := s.tally()
	return t, time.Now(), err
}

// runLong has retries that last longer than AckWait. The answer is one that says
// nothing of the inspector: with 900-002 to everything it would be taken out of use.
func runLong(ctx context.Context, l *lab) (found readings, err error) {
	n := min(500, l.times(500))
	s, err := l.newSite(ctx, "-fail-every", "2", "-fail-times", "5", "-fail-code", "100-010", "-calls", strconv.Itoa(100*n))
	if err != nil {
		return nil, err
	}
	defer closing(s, &err)
	if err := s.fill(ctx, workerCommands, n); err != nil {
		return nil, err
	}
	if _, err := s.hire(ctx, s.natsURL, "--retry-initial", "3s", "--retry-max", "8s"); err != nil {
		return nil, err
	}
	all, err := s.read(ctx, s.results, n)
	if err != nil {
		return nil, err
	}
	t, err := s.tally()
	if err != nil {
		return nil, err
	}
	h := latencies(all, func(r stored) bool { return isFailing(r.WorkNo, 2) })
	found.add("executed twice", float64(t.Twice), "commands")
	found.add("signed out", float64(t.SignedOut), "commands")
	found.add("calls", float64(t.Failing), "")
	found.add("median time of a command that fails five times", at(h, 50)/1000, "s")
	found.add("AckWait", 15, "s")
	return found, nil
}
