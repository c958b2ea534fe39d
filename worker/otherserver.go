package worker

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// otherServer is the time after a NATS server was started anew. A server writes down
// a moment later what it has delivered; one that was killed may deliver a command as
// new that another worker has in hand. Nothing in the delivery tells. So leases of
// before are not extended any more, and what may be one of them rests until they
// have ended.
type otherServer struct {
	id    string    // the server that this worker is connected to
	since time.Time // it is another one than before
	until time.Time // when every lease of before has ended
	upTo  uint64    // above this sequence nothing was delivered before
}

// notice looks which server a delivery may come from. Events of the connection
// would come too late.
func (l *leases) notice() {
	id := l.nc.ConnectedServerId()
	if id == "" || id == l.other.id {
		return
	}
	now := time.Now()
	l.other = otherServer{id: id, since: now, until: now.Add(l.ackWait), upTo: l.highest + l.ahead}
}

// rest is until when whoever may have a command, that is new here, has ended it or
// lost it.
func (o otherServer) rest(meta *jetstream.MsgMetadata) time.Time {
	if meta.Sequence.Stream > o.upTo || meta.Timestamp.After(o.since) {
		return time.Time{}
	}
	return o.until
}

// rest lets the time pass until a command is this worker's alone. It returns false
// where the command was left to the server.
func (w *Worker) rest(h *held) bool {
	d := time.Until(h.rest)
	if h.rest.IsZero() || d <= 0 {
		return true
	}
	if w.room.tryWait() {
		defer w.room.move(waiting, starting)
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return true
		case <-w.draining:
		}
	}
	msg, _ := h.delivery()
	w.leases.drop(h)
	_ = msg.NakWithDelay(time.Until(h.rest))
	return false
}
