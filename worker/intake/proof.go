package intake

import (
	"context"
	"sync"
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
)

// proofPause is the least time between two proofs. What is in hand keeps the slots busy
// for longer.
const proofPause = 10 * time.Millisecond

// proof is until when the consumer is known to be the one that the deliveries in hand
// are counted by. A pull may have reached another one, that was made meanwhile, and
// nothing in a delivery tells; but a consumer that is there after the pull was written was
// there when the pull came. One question serves all pulls that were written before it. A
// leader of several replicas may have been replaced and not know it yet: what it says is
// of the moment at which a majority was last in contact with it.
type proof struct {
	mu     sync.Mutex
	asked  time.Time     // when the last question that was answered well was sent
	origin origin        // which that was
	asking chan struct{} // closed when the question that is under way has ended; nil without one
	last   time.Time     // when it was sent
}

func newProof() *proof { return &proof{} }

// covers reports whether a delivery is proven to come from the consumer as it was known
// when its pull was sent. Its lock is held.
func (p *proof) covers(h *Delivery) bool { return p.origin == h.origin && p.asked.After(h.out) }

// isProven waits until it is known whether a delivery comes from the consumer that this
// worker knows. It reports false where it does not, or nobody can tell.
func (l *leases) isProven(ctx context.Context, h *Delivery) bool {
	const most = 2 // one question may have been sent before the pull
	for range most {
		p := l.proof
		p.mu.Lock()
		if p.covers(h) {
			p.mu.Unlock()
			return true
		}
		wait, mine := p.asking, p.asking == nil
		if mine {
			wait = make(chan struct{})
			p.asking = wait
		}
		p.mu.Unlock()
		if mine {
			l.prove(ctx, wait)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return false
		}
	}
	l.proof.mu.Lock()
	defer l.proof.mu.Unlock()
	return l.proof.covers(h)
}

// prove asks once for the consumer, and ends the question.
func (l *leases) prove(ctx context.Context, done chan struct{}) {
	p := l.proof
	p.mu.Lock()
	pause := proofPause - time.Since(p.last)
	p.mu.Unlock()
	if pause > 0 {
		time.Sleep(pause)
	}
	l.mu.Lock()
	known := l.source.origin
	l.mu.Unlock()
	sent := time.Now()
	consumer, majority, err := l.lookSettled(ctx)
	same := err == nil && l.isSame(consumer)
	asked := sent
	if same && isReplicated(consumer) {
		asked = clock.Earlier(sent, majority)
	}
	p.mu.Lock()
	p.last, p.asking = sent, nil
	if same {
		p.asked, p.origin = asked, known
	}
	p.mu.Unlock()
	close(done)
	if err == nil && !same {
		l.anew()
	}
}
