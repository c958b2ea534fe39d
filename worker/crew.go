package worker

import (
	"context"
	"sync"

	"github.com/forcelogout/forcelogout/worker/intake"
)

// crew is the goroutines that commands are executed in. New ones would have to grow their
// stacks for each command, so each takes the next one when it is done.
type crew struct {
	work     func(context.Context, *intake.Delivery) // releases the delivery
	next     chan *intake.Delivery                   // hands the next delivery to an idle goroutine
	draining <-chan struct{}
	busy     sync.WaitGroup
}

// take lets a delivery be worked at. It returns at once.
func (c *crew) take(ctx context.Context, d *intake.Delivery) {
	select {
	case c.next <- d:
	default:
		c.busy.Go(func() { c.live(ctx, d) })
	}
}

func (c *crew) live(ctx context.Context, d *intake.Delivery) {
	for {
		c.work(ctx, d)
		select {
		case d = <-c.next:
		case <-c.draining:
			return
		}
	}
}
