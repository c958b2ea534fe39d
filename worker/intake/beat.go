package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/nats-io/nats.go/jetstream"
)

// progressAck is what extends a delivery (jetstream.Msg.InProgress). Sent as a request
// it is answered by the consumer's leader.
const progressAck = "+WPI"

// period is how often leases are extended: often enough that a call always
// starts with most of its AckWait left.
func (l *leases) period() time.Duration { return l.ackWait * 2 / 15 }

// run extends leases until the context ends.
func (l *leases) run(ctx context.Context) {
	ticker := time.NewTicker(l.period())
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-l.hurry:
		}
		l.beat(ctx)
	}
}

// beat extends what is due. Only an answer of the consumer's leader proves that: on a
// connection that is dead and does not know it yet writes succeed too, and the server
// that this worker is connected to may be cut off from the leader. The leader takes
// extensions in the order in which they were sent, so the answer to the last proves all.
// It must be the leader of the same consumer still, and what a leader of several
// replicas says counts when a majority has followed it since, see Delivery.extend.
func (l *leases) beat(ctx context.Context) {
	defer l.endBeat()
	due := l.due(time.Now())
	if len(due) == 0 {
		l.failing.Worked(ctx) // what could not be extended has ended, or is lost
		return
	}
	if !l.nc.IsConnected() {
		return // whoever watches the connection says so
	}
	ctx, cancel := context.WithTimeout(ctx, l.ackWait/3)
	defer cancel()
	sent := time.Now()
	if err := l.askToExtend(ctx, due); err != nil {
		l.failing.Failed(ctx, err)
		return
	}
	consumer, majority, err := l.lookSettled(ctx)
	if err != nil {
		l.failing.Failed(ctx, err)
		return
	}
	l.failing.Worked(ctx)
	if !l.isSame(consumer) {
		l.anew()
		return
	}
	replicated := isReplicated(consumer)
	for _, h := range due {
		h.extend(sent, majority, replicated, l.ackWait)
	}
}

// due lists what to extend. A lease that is lost is left alone: extending it would
// disturb the new holder.
func (l *leases) due(now time.Time) []*Delivery {
	l.mu.Lock()
	defer l.mu.Unlock()
	var due []*Delivery
	for _, h := range l.bySeq {
		h.mu.Lock()
		left := l.left(h, now)
		known := h.origin == l.source.origin
		h.mu.Unlock()
		if known && left > 0 && left <= l.ackWait-l.period() {
			due = append(due, h)
		}
	}
	return due
}

// askToExtend returns when the leader has answered the last extension.
func (l *leases) askToExtend(ctx context.Context, due []*Delivery) error {
	last := len(due) - 1
	for _, h := range due[:last] {
		msg, _ := h.newest()
		// Acknowledged meanwhile is as good.
		if err := msg.InProgress(); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
			return fmt.Errorf("extending message %d: %w", h.Seq, err)
		}
	}
	msg, _ := due[last].newest()
	if _, err := l.nc.RequestWithContext(ctx, msg.Reply(), []byte(progressAck)); err != nil {
		return fmt.Errorf("extending message %d: %w", due[last].Seq, err)
	}
	return nil
}

// isSame reports whether the deliveries in hand come from this consumer.
func (l *leases) isSame(consumer *jetstream.ConsumerInfo) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source.created.Equal(consumer.Created)
}

// extend notes that the leader has answered an extension that was sent at a moment.
// After the end of the lease an answer proves nothing: somebody else may have had the
// message since. A leader of several replicas may have been replaced and not know it
// yet; its answer counts when a majority was in contact with it later, which then has
// the extension too.
func (h *Delivery) extend(sent, majority time.Time, replicated bool, ackWait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.proven.IsZero() || clock.Age(time.Now(), h.proven) >= ackWait {
		return
	}
	proof := sent
	if replicated {
		proof, h.answered = h.answered, sent
		if !majority.After(proof) {
			return
		}
	}
	if proof.After(h.proven) {
		h.proven = proof
	}
}

// ensure extends a lease that would end within d, as well as it can: a delivery may
// come a while after its pull was sent.
func (l *leases) ensure(ctx context.Context, h *Delivery, d time.Duration) {
	const most = 4 // beats: one may be under way, and with replicas it takes two
	d = min(d, l.ackWait-l.period())
	for range most {
		if left := l.remaining(h); left >= d || left <= 0 {
			return
		}
		beaten := l.nextBeat()
		select {
		case l.hurry <- struct{}{}:
		default:
		}
		select {
		case <-beaten:
		case <-ctx.Done():
			return
		}
	}
}

// nextBeat returns what is closed when a beat has ended.
func (l *leases) nextBeat() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.beaten
}

func (l *leases) endBeat() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.beaten)
	l.beaten = make(chan struct{})
}
