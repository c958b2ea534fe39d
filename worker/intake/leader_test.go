package intake

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// led is a consumer of three replicas, whose leader has just heard from the others.
func led(leader string) *jetstream.ConsumerInfo {
	return &jetstream.ConsumerInfo{
		Config: jetstream.ConsumerConfig{AckWait: 15 * time.Second},
		Cluster: &jetstream.ClusterInfo{Leader: leader, Replicas: []*jetstream.PeerInfo{
			{Name: "b", Current: true, Active: time.Millisecond}, {Name: "c", Current: true, Active: time.Millisecond},
		}},
	}
}

// newLed is leases of a consumer of three replicas, without a connection.
func newLed() *leases {
	return newLeases(nil, nil, NewCapacity(1, 0), nil, led("a"), nil, func() {})
}

// deliver puts the message with a sequence in hand.
func (l *leases) deliver(t *testing.T, seq uint64) *Delivery {
	t.Helper()
	p := l.pulling()
	meta := &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Consumer: seq, Stream: seq}, NumDelivered: 1, Timestamp: time.Now()}
	d, _, trouble := l.hold(nil, meta, p)
	if d == nil {
		t.Fatal(trouble)
	}
	return d
}

// TestContestedStaysSo: what came while two leaders may have delivered it stays claimed,
// however long it waits: the other leader's holder may be at it by then.
func TestContestedStaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLed()
		l.heard(led("a"), time.Now())
		contested := l.deliver(t, 1)
		time.Sleep(deposedTime)
		settled := l.deliver(t, 2)
		if !contested.IsContested() {
			t.Error("a delivery that was contested counts as nobody else's later on")
		}
		if settled.IsContested() {
			t.Error("a delivery counts as contested after the other leader knows of its end")
		}
		l.heard(led("b"), time.Now())
		if !settled.IsContested() {
			t.Error("a new leader, and what came before counts as nobody else's")
		}
		time.Sleep(deposedTime)
		if !settled.IsContested() {
			t.Error("a delivery that was found to be contested counts as nobody else's later on")
		}
	})
}

// TestUnnamedLeaderIsNotTrusted: a leader that steps down may answer that there is none.
func TestUnnamedLeaderIsNotTrusted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLed()
		for range 2 {
			l.heard(led("a"), time.Now())
			time.Sleep(settleTime)
		}
		if !l.isTrusted() {
			t.Fatal("a leader at two looks is not trusted")
		}
		l.heard(led(""), time.Now())
		if l.isTrusted() {
			t.Error("a consumer without a leader is trusted")
		}
		if !l.deliver(t, 1).IsContested() {
			t.Error("a delivery of a consumer without a leader is not contested")
		}
	})
}

// TestCutOffLeaderIsContested: a leader that had lost its majority may lead again, and
// another one may have delivered the same meanwhile.
func TestCutOffLeaderIsContested(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLed()
		l.heard(led("a"), time.Now())
		time.Sleep(deposedTime)
		d := l.deliver(t, 1)
		alone := led("a")
		for _, peer := range alone.Cluster.Replicas {
			peer.Active = 2 * contactGap
		}
		l.heard(alone, time.Now())
		for range 2 {
			time.Sleep(settleTime)
			l.heard(led("a"), time.Now())
		}
		if !l.isTrusted() || !d.IsContested() {
			t.Errorf("after it was cut off, the leader is trusted: %v, its delivery contested: %v", l.isTrusted(), d.IsContested())
		}
		time.Sleep(deposedTime)
		if l.deliver(t, 2).IsContested() {
			t.Error("a delivery is contested long after")
		}
	})
}
