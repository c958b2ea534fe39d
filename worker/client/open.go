package client

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// open is a command that has not ended: NATS holds it for later, or it waits for workers
// in the command stream, where it stays while a worker has it.
type open struct {
	id      string
	workNo  string
	mayRun  time.Time       // a worker may execute the command until then
	seq     uint64          // of the message that waits for workers; 0 for none
	stored  time.Time       // when the stream took that message; zero where that is not known
	held    bool            // NATS holds the command for later
	there   streams.Message // what NATS held when it was last read
	note    messages.Parked
	noted   uint64 // the note's sequence, 0 for none
	unknown bool   // nothing of the command has been found yet
	sought  bool   // the command has been looked for among the messages that wait for workers
}

// found takes in what was found of the command; seq and stored are of the message that
// waits for workers, 0 for none.
func (o *open) found(c messages.Command, seq uint64, stored time.Time) {
	o.workNo, o.mayRun, o.unknown = c.WorkNo, c.Expiry(time.Now(), anyMaxAge), false
	if o.seq == 0 {
		o.seq, o.stored = seq, stored
	}
}

// anyMaxAge is no less than any worker's --max-age, which is how long a command lives
// that does not say itself when it ends.
const anyMaxAge = 24 * time.Hour

// surelyThere reports whether no worker had the command when the note was written. Any
// worker that gets the command after that sees the note. The consumer is nil where no
// worker has ever run.
func (o *open) surelyThere(consumer *jetstream.ConsumerInfo) bool {
	if consumer == nil {
		return true
	}
	// A consumer that was deleted and made again does not know what the first one
	// delivered.
	never := o.seq > consumer.Delivered.Stream && o.stored.After(consumer.Created)
	// A call that was made before may have worked: then the agent's state decides.
	called := o.note.Possible || o.note.SignedOut
	// The note may be about the same command in another message, which a worker has.
	return never && !o.note.IsOfAnother(o.seq) || !called && o.note.IsWithServer(o.seq, time.Now())
}
