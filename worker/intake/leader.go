package intake

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/worker/clock"
)

// A consumer of several replicas has a leader, and one that is cut off from the others
// goes on answering and delivering until it hears that they have elected another one.
// When the cut heals there is a moment in which it has contact again and has not heard yet:
// it delivers what the other one delivers at the same time. So a leader is trusted when it
// had contact with a majority at two looks that are settleTime apart, with no gap between
// looks in which others could be elected. And for as long as a leader that was cut off may
// not know it, what is delivered is contested: it is claimed before it is called for.
const (
	// contactGap is how old the contact with a majority may be. An election takes at least
	// four seconds without it.
	contactGap = 3 * time.Second
	settleTime = 200 * time.Millisecond
	// deposedTime is how long after a change the leader before may not know of it: a
	// server looks every ten seconds whether it has had contact for ten seconds.
	deposedTime = 30 * time.Second
)

// leadership is what looks at the consumer have shown of its leader; zero where it has one
// replica.
type leadership struct {
	replicated bool
	name       string    // "" while one steps down
	changed    time.Time // when it was last seen to be another one, or without contact
	since      time.Time // it had contact at each look from here on; zero where the last had none
	last       time.Time // look with contact
}

// seen notes a look that was asked for at a moment.
func (s *leadership) seen(consumer *jetstream.ConsumerInfo, asked time.Time) {
	if !isReplicated(consumer) {
		*s = leadership{}
		return
	}
	if name := consumer.Cluster.Leader; name != s.name || !s.replicated {
		*s = leadership{replicated: true, name: name, changed: asked}
	}
	switch {
	case s.name == "", majorityAt(consumer, asked).Before(asked.Add(-contactGap)):
		// Another one may have led meanwhile, also where the same is seen to lead again.
		s.since, s.changed = time.Time{}, clock.Later(s.changed, asked)
		return
	case s.since.IsZero() || asked.Sub(s.last) > contactGap:
		s.since = asked
	}
	s.last = asked
}

// isTrusted reports whether the leader is the only one.
func (s *leadership) isTrusted() bool {
	return !s.replicated || !s.since.IsZero() && s.last.Sub(s.since) >= settleTime
}

// isContested reports whether another leader may deliver the same.
func (s *leadership) isContested(now time.Time) bool {
	return s.replicated && now.Sub(s.changed) < deposedTime
}

// heard notes what a look at the consumer has shown of its leader.
func (l *leases) heard(consumer *jetstream.ConsumerInfo, asked time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.source.leader.seen(consumer, asked)
}

func (l *leases) isTrusted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source.leader.isTrusted()
}

// IsContested reports whether another leader of the consumer may deliver, or may have
// delivered, the same message to somebody else.
func (d *Delivery) IsContested() bool {
	d.leases.mu.Lock()
	defer d.leases.mu.Unlock()
	// It stays so: whoever has it from the other leader may be at it for as long as this one.
	d.contested = d.contested || d.leases.source.leader.isContested(time.Now())
	return d.contested
}

// lookSettled looks at the consumer, a second time where the leader cannot be trusted yet.
// It returns since when a majority surely follows; zero where that is not known.
func (l *leases) lookSettled(ctx context.Context) (consumer *jetstream.ConsumerInfo, majority time.Time, err error) {
	asked := time.Now()
	consumer, err = l.look(ctx)
	if err == nil && !l.isTrusted() {
		time.Sleep(settleTime)
		asked = time.Now()
		consumer, err = l.look(ctx)
	}
	if err == nil && l.isTrusted() && isReplicated(consumer) {
		majority = majorityAt(consumer, asked)
	}
	return consumer, majority, err
}
