package systemtest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// send publishes n more commands, one agent each. Some live for seconds only.
func (f *faults) send(n int) {
	f.Helper()
	commands := make([]messages.Command, n)
	for i := range commands {
		c := messages.Command{WorkNo: agentNo(len(f.orders))}
		c.ID = "f-" + c.WorkNo
		if f.rand.IntN(20) == 0 {
			c.ExpiresAt = time.Now().Add(time.Duration(f.rand.IntN(8000)) * time.Millisecond)
		}
		commands[i], f.orders[c.ID] = c, c
	}
	orders := func(yield func(client.Order, error) bool) {
		for _, c := range commands {
			if !yield(client.Order{Command: c}, nil) {
				return
			}
		}
	}
	f.reach(func(ctx context.Context) error {
		var open error
		err := f.client.Publish(ctx, 0, orders, func(r client.Receipt) {
			// What an attempt before has stored may have ended by now.
			if !errors.Is(r.Err, client.ErrEnded) {
				open = errors.Join(open, r.Err)
			}
		})
		return errors.Join(open, err)
	})
}

// cancel withdraws some of the commands, wherever they are.
func (f *faults) cancel(n int) {
	f.Helper()
	var ids []string
	for range n {
		ids = append(ids, "f-"+agentNo(f.rand.IntN(len(f.orders))))
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	f.reach(func(ctx context.Context) error {
		err := f.client.Cancel(ctx, messages.DefaultVCC, client.Selection{IDs: ids},
			messages.Cancellation{RequestedBy: "test", At: time.Now()}, 10*time.Second, func(client.Withdrawal) {})
		// Whoever has one in hand may be cut off; the answer is open then.
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	})
}

// reach does something with NATS, again where a leader is missing that will be elected.
func (f *faults) reach(do func(context.Context) error) {
	f.Helper()
	for {
		ctx, cancel := context.WithTimeout(f.ctx, 10*time.Second)
		err := do(ctx)
		cancel()
		var api *jetstream.APIError
		switch {
		case errors.As(err, &api) && api.Code == http.StatusServiceUnavailable, errors.Is(err, nats.ErrNoResponders),
			errors.Is(err, streams.ErrNoJetStream), errors.Is(err, client.ErrNoJetStream), errors.Is(err, jetstream.ErrNoStreamResponse),
			errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
			f.must(f.ctx.Err())
		default:
			f.must(err)
			return
		}
		f.tick()
	}
}

// awaitResults waits until at least n results are stored.
func (f *faults) awaitResults(n int) {
	f.Helper()
	for have := f.stored("RESULTS"); have < n; have = f.stored("RESULTS") {
		if f.ctx.Err() != nil {
			f.Fatalf("%d of %d results came; workers:\n%s", have, n, f.lastWords())
		}
		f.tick()
	}
}

// stored counts a stream's messages; none where NATS does not answer.
func (f *faults) stored(kind string) int {
	ctx, cancel := context.WithTimeout(f.ctx, time.Second)
	defer cancel()
	stream, err := f.js.Stream(ctx, messages.DefaultPrefix.Stream(kind))
	if err != nil {
		return -1
	}
	return int(stream.CachedInfo().State.Msgs)
}

// some waits until some more results are stored.
func (f *faults) some() {
	f.Helper()
	f.awaitResults(min(len(f.orders), f.stored("RESULTS")+30+f.rand.IntN(60)))
}

func (f *faults) tick() {
	select {
	case <-f.ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

// pass lets a fault last.
func (f *faults) pass(d time.Duration) {
	select {
	case <-f.ctx.Done():
	case <-time.After(d):
	}
}

// tooLong is longer than a lease lasts.
func (f *faults) tooLong() time.Duration {
	return faultAckWait + time.Duration(300+f.rand.IntN(1200))*time.Millisecond
}
