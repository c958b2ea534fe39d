package intake

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// Delivery is one delivered message that this worker answers for. It knows its lease and
// its place in the process's capacity, and is released once, by whoever has it last.
type Delivery struct {
	Seq      uint64    // of the message in the stream
	Stored   time.Time // when the stream took it
	Doubtful bool      // the consumer does not know whether somebody has had it
	Rest     time.Time // until then somebody may have it; zero for never

	leases *leases
	out    time.Time     // when the pull that it came for was surely written
	ended  chan struct{} // closed when it is not in hand any more
	gone   chan struct{} // closed when it is withdrawn
	phase  phase         // changed by whoever has the delivery, one at a time

	contested bool // another leader may have delivered it, too; guarded by the leases' lock

	mu        sync.Mutex
	msg       jetstream.Msg
	number    uint64 // from 1
	origin    origin
	proven    time.Time // the lease lasts AckWait from here; zero where it is lost
	answered  time.Time // last answered extension, which a majority may not have written down yet
	commandID string    // once it is decoded
	cancelled *messages.Cancellation
}

// newest returns the newest delivery of the message, and its number.
func (d *Delivery) newest() (jetstream.Msg, uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.msg, d.number
}

// Number is that of the newest delivery, from 1.
func (d *Delivery) Number() uint64 {
	_, number := d.newest()
	return number
}

// Subject is the message's.
func (d *Delivery) Subject() string {
	msg, _ := d.newest()
	return msg.Subject()
}

// Data is the message's, unchanged.
func (d *Delivery) Data() []byte {
	msg, _ := d.newest()
	return msg.Data()
}

// Header is the message's; nil for none.
func (d *Delivery) Header() nats.Header {
	msg, _ := d.newest()
	return msg.Headers()
}

// Ack takes the command out of the stream.
func (d *Delivery) Ack() error {
	msg, _ := d.newest()
	if err := msg.Ack(); err != nil {
		return fmt.Errorf("acknowledging message %d: %w", d.Seq, err)
	}
	return nil
}

// Nak gives the message back to the server, to be delivered again after some time. A NAK
// takes the message from its present holder, so call Nak only while the lease surely holds.
func (d *Delivery) Nak(delay time.Duration) error {
	msg, _ := d.newest()
	err := error(nil)
	if delay > 0 {
		err = msg.NakWithDelay(delay)
	} else {
		err = msg.Nak()
	}
	if err != nil {
		return fmt.Errorf("giving back message %d: %w", d.Seq, err)
	}
	return nil
}

// Term tells the server never to deliver the message again, and why.
func (d *Delivery) Term(reason string) error {
	msg, _ := d.newest()
	if err := msg.TermWithReason(reason); err != nil {
		return fmt.Errorf("ending message %d: %w", d.Seq, err)
	}
	return nil
}

// withdraw is told that the command shall not be executed.
func (d *Delivery) withdraw(by messages.Cancellation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancelled == nil {
		d.cancelled = &by
		close(d.gone)
	}
}

// Withdrawn says who withdrew the command while it was in hand; nil for nobody.
func (d *Delivery) Withdrawn() *messages.Cancellation {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cancelled
}

// Gone is closed when the command is withdrawn.
func (d *Delivery) Gone() <-chan struct{} { return d.gone }

// Ended is closed when the delivery is not in hand any more.
func (d *Delivery) Ended() <-chan struct{} { return d.ended }

// renew takes up a further delivery. It reports false where somebody else had the
// message in between, or may have had it: what is in hand is lost then.
func (d *Delivery) renew(msg jetstream.Msg, number uint64, p pulled) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if number != d.number+1 || d.origin != p.origin {
		d.proven = time.Time{}
		return false
	}
	d.msg, d.number = msg, number
	d.proven, d.answered = p.sent, time.Time{}
	return true
}

// Remaining is how long the lease lasts; zero or less means that the message is
// somebody else's by now.
func (d *Delivery) Remaining() time.Duration { return d.leases.remaining(d) }

// Ensure extends a lease that would end within some time, as well as it can: a delivery
// may come a while after its pull was sent.
func (d *Delivery) Ensure(ctx context.Context, within time.Duration) { d.leases.ensure(ctx, d, within) }

// IsProven waits until it is known whether the delivery comes from the consumer that this
// worker knows. It reports false where it does not, or nobody can tell.
func (d *Delivery) IsProven(ctx context.Context) bool { return d.leases.isProven(ctx, d) }

// Claim notes which command it is. Where the same command is in hand already, it returns
// that delivery.
func (d *Delivery) Claim(commandID string) (other *Delivery) { return d.leases.claim(d, commandID) }

// Drop ends this worker's answer for the message. Doing so again changes nothing, also if
// the message has been delivered anew meanwhile.
func (d *Delivery) Drop() { d.leases.drop(d) }

// Release drops the delivery, and frees its place.
func (d *Delivery) Release() {
	d.Drop()
	d.leases.capacity.leave(d.phase)
}

// StepAside lets the delivery wait without a slot until back is called. It reports false,
// and nothing has changed, where the process may hold no more that wait.
func (d *Delivery) StepAside() (back func(), ok bool) {
	if !d.leases.capacity.tryWait() {
		return func() {}, false
	}
	d.phase = waiting
	return func() {
		d.leases.capacity.move(waiting, starting)
		d.phase = starting
	}, true
}

// Reporting notes that the command's result is on its way.
func (d *Delivery) Reporting() {
	d.leases.capacity.move(starting, reporting)
	d.phase = reporting
}
