package intake

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/health"
)

// A lease is one fact: the leader of the consumer has confirmed at a moment, `proven`,
// that a delivery is this worker's. It lasts AckWait from there. What proves it:
//
//   - A delivery came for a pull, so it was made after the pull was sent.
//   - An extension (+WPI) that the leader has answered while the lease lasted, see
//     beat.go. The leader answers also for a delivery that it has given to somebody
//     else since, so an answer that comes later proves nothing.
//
// A delivery of a consumer that is not there any more is nobody's, see origin.go.

// leases keeps the messages in hand, and extends them in one loop.
type leases struct {
	nc       *nats.Conn
	log      *slog.Logger
	ackWait  time.Duration
	capacity *Capacity
	look     func(context.Context) (*jetstream.ConsumerInfo, error) // at the consumer
	anew     func()                                                 // told that the consumer is another one; returns at once

	failing *health.Obstacle // extensions

	hurry chan struct{} // has a token when a beat is wanted now
	proof *proof

	mu     sync.Mutex
	bySeq  map[uint64]*Delivery
	ids    map[string]*Delivery // by command id
	source source
	beaten chan struct{} // closed at the end of the next beat
}

func newLeases(nc *nats.Conn, log *slog.Logger, capacity *Capacity, failing *health.Obstacle, consumer *jetstream.ConsumerInfo, look func(context.Context) (*jetstream.ConsumerInfo, error), anew func()) *leases {
	return &leases{
		nc: nc, log: log, capacity: capacity, failing: failing, ackWait: consumer.Config.AckWait, look: look, anew: anew,
		hurry: make(chan struct{}, 1), proof: newProof(),
		bySeq: map[uint64]*Delivery{}, ids: map[string]*Delivery{},
		source: newSource(consumer, nc.ConnectedServerId()), beaten: make(chan struct{}),
	}
}

// take puts a delivered message in hand. It returns nil where there is nothing
// to do: a command in hand was delivered again and goes on under the new delivery,
// or the delivery is so old that another worker may have the message by now.
func (l *leases) take(msg jetstream.Msg, p pulled) *Delivery {
	meta, err := msg.Metadata()
	if err != nil {
		return nil
	}
	h, another, trouble := l.hold(msg, meta, p)
	if another {
		l.anew()
	}
	if trouble != "" {
		l.log.LogAttrs(context.Background(), slog.LevelWarn, "a delivery is left to its next holder",
			slog.Uint64("seq", meta.Sequence.Stream), slog.String("why", trouble))
	}
	return h
}

func (l *leases) hold(msg jetstream.Msg, meta *jetstream.MsgMetadata, p pulled) (h *Delivery, another bool, trouble string) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.source.connected(l.nc.ConnectedServerId(), now)
	switch {
	case p.origin == l.source.origin && meta.Sequence.Consumer <= p.after:
		// The same consumer never counts back.
		l.source.changed(now)
		return nil, true, "the consumer, or its server's memory of it, is another one"
	case p.origin != l.source.origin:
		return nil, false, "it comes from a consumer or a NATS server that is not there any more"
	case clock.Age(now, p.sent) >= l.ackWait:
		return nil, false, "it was longer on its way than its lease lasts"
	}
	l.source.highest = max(l.source.highest, meta.Sequence.Consumer)
	if h := l.bySeq[meta.Sequence.Stream]; h != nil && h.renew(msg, meta.NumDelivered, p) {
		return nil, false, ""
	}
	h = &Delivery{
		Seq: meta.Sequence.Stream, Stored: meta.Timestamp, leases: l, out: p.out,
		Doubtful: l.source.isDoubtful(meta.Timestamp, now, l.ackWait), Rest: l.source.rest(meta.Timestamp, l.ackWait),
		contested: l.source.leader.isContested(now),
		msg:       msg, number: meta.NumDelivered, origin: p.origin, proven: p.sent,
		gone: make(chan struct{}), ended: make(chan struct{}),
	}
	l.bySeq[h.Seq] = h
	return h, false, ""
}

// claim notes which command a held message is. Where the same command is in hand
// already, it returns who has it.
func (l *leases) claim(h *Delivery, commandID string) (other *Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other = l.ids[commandID]; other != nil && other != h {
		return other
	}
	l.ids[commandID] = h
	h.mu.Lock()
	h.commandID = commandID
	h.mu.Unlock()
	return nil
}

// has reports whether a command is in hand.
func (l *leases) has(commandID string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids[commandID] != nil
}

// withdraw tells the execution of a command, if it is in hand.
func (l *leases) withdraw(commandID string, by messages.Cancellation) {
	l.mu.Lock()
	h := l.ids[commandID]
	l.mu.Unlock()
	if h != nil {
		h.withdraw(by)
	}
}

// drop ends this worker's answer for the message. Doing so again changes nothing,
// also if the message has been delivered anew meanwhile.
func (l *leases) drop(h *Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bySeq[h.Seq] == h {
		delete(l.bySeq, h.Seq)
	}
	if l.ids[h.commandID] == h {
		delete(l.ids, h.commandID)
	}
	select {
	case <-h.ended:
	default:
		close(h.ended)
	}
}

// remaining is how long the lease lasts; zero or less means that the message is
// somebody else's by now.
func (l *leases) remaining(h *Delivery) time.Duration {
	l.mu.Lock()
	present := l.source.origin
	l.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.origin != present {
		return 0
	}
	return l.left(h, time.Now())
}

// left is what the lease of a held message has left. Its lock is held.
func (l *leases) left(h *Delivery, now time.Time) time.Duration {
	if h.proven.IsZero() {
		return 0
	}
	return l.ackWait - clock.Age(now, h.proven)
}
