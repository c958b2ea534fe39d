package record

import (
	"context"
	"runtime"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// outbox sends what executions have to tell: live events, and ends, for whose
// acknowledgements it waits while the executions go on. What several of them have to
// tell at about the same time goes to NATS in one write.
type outbox struct {
	nc *nats.Conn
	js jetstream.JetStream
	in chan outgoing

	stored func(context.Context, *posted) // the ledger has taken an end; called for one after another
	failed func(context.Context, *posted) // it has not, or nobody knows; called in a goroutine of its own

	again sync.WaitGroup // await, and the calls of failed
}

// outgoing is an end, or else a live event.
type outgoing struct {
	*posted
	subject string
	data    []byte
}

// sent is an end on its way into the ledger.
type sent struct {
	*posted
	future jetstream.PubAckFuture
}

func newOutbox(nc *nats.Conn, js jetstream.JetStream, room int, stored, failed func(context.Context, *posted)) *outbox {
	return &outbox{nc: nc, js: js, in: make(chan outgoing, room), stored: stored, failed: failed}
}

// run sends until close, and returns when it is known of each end what became of
// it. When the context ends it waits no longer.
func (o *outbox) run(ctx context.Context) {
	way := make(chan sent, cap(o.in))
	o.again.Go(func() { o.await(ctx, way) })
	for out := range o.in {
		// Let other goroutines queue first, so that one write carries them all.
		runtime.Gosched()
		o.send(ctx, out, way)
		for range len(o.in) {
			o.send(ctx, <-o.in, way)
		}
	}
	close(way)
	o.again.Wait()
}

// close ends run. Nothing may be told any more.
func (o *outbox) close() { close(o.in) }

func (o *outbox) send(ctx context.Context, out outgoing, way chan<- sent) {
	if out.posted == nil {
		// Nobody may be listening and nothing depends on it: an error changes nothing.
		_ = o.nc.Publish(out.subject, out.data)
		return
	}
	future, err := o.js.PublishMsgAsync(out.entry)
	if err != nil {
		o.again.Go(func() { o.failed(ctx, out.posted) })
		return
	}
	way <- sent{out.posted, future}
}

// await waits for acknowledgements, which come in the order of the ends.
func (o *outbox) await(ctx context.Context, way <-chan sent) {
	for r := range way {
		select {
		case ack := <-r.future.Ok():
			if !ack.Duplicate {
				o.stored(ctx, r.posted)
				continue
			}
		case <-r.future.Err():
		case <-ctx.Done():
		}
		o.again.Go(func() { o.failed(ctx, r.posted) })
	}
}
