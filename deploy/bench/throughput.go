package main

import (
	"context"
	"strconv"
	"time"
)

// run is one measurement: who did it, and how fast.
type run struct {
	perSecond float64
	call      float64 // ms that the gateway took for a call
	spent     readings
}

// drain lets workers with these arguments work off n commands, reached through a
// proxy with this delay each way.
func (l *lab) drain(ctx context.Context, name string, n, workers int, delay time.Duration, gateway []string, args ...string) (run, error) {
	return l.workOff(ctx, name, workerCommands, n, delay, gateway, func(s *site, url string) (string, error) {
		for range workers {
			if _, err := s.hire(ctx, url, args...); err != nil {
				return "", err
			}
		}
		return s.results, nil
	})
}

// drainPeer is the same with a peer.
func (l *lab) drainPeer(ctx context.Context, role string, n int, delay time.Duration, gateway ...string) (run, error) {
	return l.workOff(ctx, role, peerCommands, n, delay, gateway, func(s *site, url string) (string, error) {
		_, err := s.peer(ctx, role, url)
		return peerResults, err
	})
}

// workOff measures from the first to the last of n results. begin starts who makes
// them and says in which stream they come.
func (l *lab) workOff(ctx context.Context, name, subject string, n int, delay time.Duration, gateway []string,
	begin func(s *site, natsURL string) (results string, err error)) (r run, err error) {
	s, err := l.newSite(ctx, gateway...)
	if err != nil {
		return r, err
	}
	defer closing(s, &err)
	if err := s.fill(ctx, subject, n); err != nil {
		return r, err
	}
	url, stop, err := s.far(delay)
	if err != nil {
		return r, err
	}
	defer stop()
	results, err := begin(s, url)
	if err != nil {
		return r, err
	}
	state, err := s.await(ctx, results, n)
	if err != nil {
		return r, err
	}
	r.perSecond = rate(state, n)
	if r.call, err = s.callTime(); err != nil {
		return r, err
	}
	r.spent.spent(name, append(s.staff, s.server, s.gateway)...)
	return r, nil
}

// callsAlone makes n calls and nothing else.
func (l *lab) callsAlone(ctx context.Context, n int, gateway ...string) (r run, err error) {
	s, err := l.newSite(ctx, gateway...)
	if err != nil {
		return r, err
	}
	defer closing(s, &err)
	p, err := s.peer(ctx, "http-alone", s.natsURL, "-n", strconv.Itoa(n))
	if err != nil {
		return r, err
	}
	text, err := p.line(ctx)
	if err != nil {
		return r, err
	}
	if r.perSecond, err = strconv.ParseFloat(text, 64); err != nil {
		return r, err
	}
	r.spent.spent("http-alone", p, s.gateway)
	return r, nil
}

func closing(s *site, err *error) {
	if closed := s.close(); *err == nil {
		*err = closed
	}
}

// waiting is the gateway of the scenarios in which it is the limit.
const waiting = 50 * time.Millisecond

var waitingGateway = []string{"-latency", waiting.String()}

// ideal is how many calls a second all slots make of a gateway that answers after
// waiting.
const ideal = float64(slots) / 0.050

// runWaiting is the share of the ideal, with NATS near or far.
func runWaiting(delay time.Duration) func(context.Context, *lab) (readings, error) {
	return func(ctx context.Context, l *lab) (found readings, err error) {
		n := l.times(25_600)
		worker, err := l.drain(ctx, "worker", n, 1, delay, waitingGateway)
		if err != nil {
			return nil, err
		}
		found.add("worker: share of the ideal 1,280/s", worker.perSecond/ideal, "")
		found.add("worker: the gateway's mean time for a call", worker.call, "ms")
		calls, err := l.callsAlone(ctx, n, waitingGateway...)
		if err != nil {
			return nil, err
		}
		found.add("http-alone: share of the ideal", calls.perSecond/ideal, "")
		for _, peer := range []struct {
			role string
			n    int
		}{{"loop", n / 4}, {"watermill", n / 32}} { // as fast as they are
			r, err := l.drainPeer(ctx, peer.role, peer.n, delay, waitingGateway...)
			if err != nil {
				return nil, err
			}
			found.add(peer.role+": share of the ideal", r.perSecond/ideal, "")
			found = append(found, r.spent...)
		}
		return append(found, worker.spent...), nil
	}
}

// runTwoWorkers compares two with one.
func runTwoWorkers(ctx context.Context, l *lab) (found readings, err error) {
	n := l.times(12_800)
	one, err := l.drain(ctx, "one", n, 1, 0, waitingGateway)
	if err != nil {
		return nil, err
	}
	two, err := l.drain(ctx, "two", 2*n, 2, 0, waitingGateway)
	if err != nil {
		return nil, err
	}
	found.add("two workers against one", two.perSecond/one.perSecond, "×")
	found.add("one", one.perSecond, "commands/s")
	found.add("two", two.perSecond, "commands/s")
	return append(append(found, one.spent...), two.spent...), nil
}

// rounds is how often the worker and the others take turns in one run: a machine's
// speed changes within seconds, and what is compared shall have had the same.
const rounds = 4

// runAtOnce is the worker against the loop, at a gateway reached with these arguments.
func runAtOnce(gateway ...string) func(context.Context, *lab) (readings, error) {
	return func(ctx context.Context, l *lab) (readings, error) { return l.atOnce(ctx, gateway) }
}

func (l *lab) atOnce(ctx context.Context, gateway []string) (found readings, err error) {
	n := l.times(25_000)
	peer := func(role string, n int) func() (run, error) {
		return func() (run, error) { return l.drainPeer(ctx, role, n, 0, gateway...) }
	}
	turns := []struct {
		name    string
		measure func() (run, error)
	}{
		{"worker", func() (run, error) { return l.drain(ctx, "worker", n, 1, 0, gateway) }},
		{"loop", peer("loop", n)},
		{"watermill", peer("watermill", n/5)},
		{"nats-alone", peer("nats-alone", n)},
		{"http-alone", func() (run, error) { return l.callsAlone(ctx, n, gateway...) }},
	}
	all := map[string][]run{}
	for range rounds {
		for _, turn := range turns {
			r, err := turn.measure()
			if err != nil {
				return nil, err
			}
			all[turn.name] = append(all[turn.name], r)
		}
	}
	speed := func(name string) float64 { return together(all[name]) }
	limit := min(speed("nats-alone"), speed("http-alone"))
	found.add("worker against the loop", speed("worker")/speed("loop"), "×")
	found.add("worker against the limit", speed("worker")/limit, "")
	found.add("loop against the limit", speed("loop")/limit, "")
	found.add("watermill against the loop", speed("watermill")/speed("loop"), "×")
	for _, turn := range turns {
		found.add(turn.name, speed(turn.name), "/s")
		found = append(found, all[turn.name][rounds-1].spent...)
	}
	return found, nil
}

// together is the speed over several runs of as many commands each.
func together(runs []run) float64 {
	var seconds float64
	for _, r := range runs {
		seconds += 1 / r.perSecond
	}
	return float64(len(runs)) / seconds
}

// profile writes a CPU profile of a worker that works off commands at once.
func (l *lab) profile(ctx context.Context, file string) (err error) {
	s, err := l.newSite(ctx)
	if err != nil {
		return err
	}
	defer closing(s, &err)
	if err := s.fill(ctx, workerCommands, l.times(100_000)); err != nil {
		return err
	}
	p, err := s.hire(ctx, s.natsURL)
	if err != nil {
		return err
	}
	if _, err := s.await(ctx, s.results, 2000); err != nil {
		return err
	}
	return p.profile(ctx, 5, file)
}
