package intake

import (
	"slices"
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/nats-io/nats.go/jetstream"
)

// origin numbers the consumers that deliveries come from. A consumer that was deleted
// and made again counts its deliveries from 1, and knows nothing of what the one before
// has given away. The same holds for a NATS server that was killed: it writes down a
// moment late what a consumer of one replica has delivered, and delivers it as new
// afterwards. Nothing in a delivery tells. So with a new origin all that is in hand
// counts as lost, unless it is in a call, and what was stored before rests until every
// lease of before has ended.
type origin uint64

// pulled says what is known of the deliveries of one pull.
type pulled struct {
	sent   time.Time // each was made after this moment
	out    time.Time // the pull was written by then: what is asked later comes to the server behind it
	origin origin
	after  uint64 // and has a higher sequence of the consumer
}

// source is where deliveries come from at present.
type source struct {
	origin
	created    time.Time // when the consumer was made
	remade     bool      // there was another one before
	server     string    // the id of the NATS server that this worker is connected to
	highest    uint64    // sequence of the consumer delivered here
	leader     leadership
	replicated bool      // a majority has written down what is delivered, before it is
	since      time.Time // what was stored before may be with somebody else until since + AckWait; zero for nothing
}

func newSource(consumer *jetstream.ConsumerInfo, server string) source {
	return source{created: consumer.Created, server: server, replicated: isReplicated(consumer)}
}

func isReplicated(consumer *jetstream.ConsumerInfo) bool {
	return consumer.Cluster != nil && len(consumer.Cluster.Replicas) > 0
}

// changed starts a new origin.
func (s *source) changed(since time.Time) {
	s.origin++
	s.highest = 0
	s.since = clock.Later(s.since, since)
}

// connected notes which server this worker is connected to.
func (s *source) connected(server string, now time.Time) {
	if server == "" || server == s.server {
		return
	}
	s.server = server
	if !s.replicated {
		s.changed(now)
	}
}

// found notes the consumer as it is now, and reports whether it is another one.
func (s *source) found(consumer *jetstream.ConsumerInfo) (another bool) {
	another = !consumer.Created.Equal(s.created)
	s.created, s.replicated = consumer.Created, isReplicated(consumer)
	if another {
		s.remade = true
		s.changed(consumer.Created)
	}
	return another
}

// isDoubtful reports whether somebody may have had a command that is new here. After
// AckWait a new server's memory is as good as any, while a new consumer never knows what
// the one before has delivered.
func (s *source) isDoubtful(stored, now time.Time, ackWait time.Duration) bool {
	if s.remade && stored.Before(s.created) {
		return true
	}
	return !s.since.IsZero() && !stored.After(s.since) && now.Before(s.since.Add(ackWait))
}

// rest is until when whoever may have had a doubtful command has ended it or lost it.
func (s *source) rest(stored time.Time, ackWait time.Duration) time.Time {
	if s.since.IsZero() || stored.After(s.since) {
		return time.Time{}
	}
	return s.since.Add(ackWait)
}

// majorityAt is when the leader of a replicated consumer was surely in contact with a
// majority, if it was asked at the moment asked.
func majorityAt(consumer *jetstream.ConsumerInfo, asked time.Time) time.Time {
	silent := make([]time.Duration, 0, len(consumer.Cluster.Replicas))
	for _, peer := range consumer.Cluster.Replicas {
		// 0: the leader has not heard from this peer since it leads.
		if !peer.Offline && peer.Active > 0 {
			silent = append(silent, peer.Active)
		}
	}
	others := (len(consumer.Cluster.Replicas) + 1) / 2 // that make a majority with the leader
	if len(silent) < others {
		return time.Time{}
	}
	slices.Sort(silent)
	return asked.Add(-silent[others-1])
}

// connected is told that the worker is connected to NATS again.
func (l *leases) connected() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.source.connected(l.nc.ConnectedServerId(), time.Now())
}

// unanswered is told that the consumer did not answer a pull. Where that is sure to
// mean that it was deleted, or where its only server may have been killed, nothing in
// hand counts any more.
func (l *leases) unanswered(deleted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if deleted || !l.source.replicated {
		l.source.changed(time.Now())
	}
}

// bound is told which consumer there is now.
func (l *leases) bound(consumer *jetstream.ConsumerInfo) (another bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source.found(consumer)
}

// restart lets what was stored before the consumer rest, for a worker that starts: the
// consumer may have been deleted and made again, and others may still be at what the one
// before delivered.
func (l *leases) restart(consumer *jetstream.ConsumerInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.source.remade = true
	l.source.since = clock.Later(l.source.since, consumer.Created)
}

// hadBefore is a moment: what was stored earlier may have been delivered by a consumer, or
// a server's memory of it, that is not there any more.
func (l *leases) hadBefore(consumer *jetstream.ConsumerInfo) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.source.remade || !consumer.Created.Equal(l.source.created) {
		return clock.Later(l.source.since, consumer.Created)
	}
	return l.source.since
}

// pulling is what is known of the deliveries of a pull that is sent after this.
func (l *leases) pulling() pulled {
	l.mu.Lock()
	defer l.mu.Unlock()
	return pulled{sent: time.Now(), origin: l.source.origin, after: l.source.highest}
}
