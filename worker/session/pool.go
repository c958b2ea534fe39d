package session

import (
	"context"
	"sync"
	"time"
)

// Pool is the inspectors of one VCC. It hands an inspector to each call and so bounds
// how many calls are in flight. It is safe for concurrent use.
type Pool struct {
	cfg        Config
	inspectors []*inspector
	watches    watches

	mu       quiet
	most     int // calls in flight, by Limit
	inFlight int
	waiters  []*waiter     // the most urgent first
	changed  chan struct{} // closed at the next change of a session
}

// NewPool returns the pool of these accounts. A given session can be used at once, any
// other when Run has got it. The error is that of Validate, or says that the bucket is
// missing.
func NewPool(ctx context.Context, cfg Config, accounts []Account) (*Pool, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Pool{cfg: cfg, most: cfg.Concurrency, mu: quiet{log: cfg.Log}, changed: make(chan struct{}), watches: watches{waiting: map[string][]chan struct{}{}}}
	if err := Validate(accounts); err != nil {
		return nil, err
	}
	for _, account := range accounts {
		in := &inspector{pool: p, account: account, limit: newLimit(cfg.Concurrency), problem: errNoneYet}
		p.inspectors = append(p.inspectors, in)
		if err := in.open(ctx); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Run keeps the sessions up to date until the context ends. Then it hands the sessions
// that are kept here to other workers, or ends them, and returns.
func (p *Pool) Run(ctx context.Context) {
	var sources sync.WaitGroup
	for _, in := range p.inspectors {
		sources.Go(func() { in.source.run(ctx) })
	}
	sources.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, in := range p.inspectors {
		in.right.stop()
	}
}

// Limit changes how many calls there may be in flight: 0 halts them, Concurrency
// is the most.
func (p *Pool) Limit(calls int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.most
	p.most = calls
	if (before == 0) != (calls == 0) {
		p.sessionsChanged()
	} else {
		p.dispatch()
	}
}

// sessionsChanged tells everybody who waits that a session came or went.
func (p *Pool) sessionsChanged() {
	close(p.changed)
	p.changed = make(chan struct{})
	p.dispatch()
}

// wait lets real time pass.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
