package systemtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// again is how the gateway refuses a call n times that it takes later.
func again(n int) []sim.Answer {
	answers := make([]sim.Answer, n)
	for i := range answers {
		answers[i] = sim.Answer{Retcode: "100-007"}
	}
	return answers
}

// handedOver makes sure that a scenario has shown anything: commands came to another
// holder.
func (f *faults) handedOver(found map[string]messages.Result) {
	f.Helper()
	for _, r := range found {
		if r.Redelivered {
			return
		}
	}
	f.Error("no command was redelivered: nothing was tested")
}

// TestFaultsHeld: what one worker and NATS have to say to each other is held for
// longer than AckWait and then arrives: deliveries that are somebody else's by then,
// extensions, results and commands handed back. Once the worker was idle before, once
// it had its hands full.
func TestFaultsHeld(t *testing.T) {
	t.Parallel()
	f := newFaults(t)
	f.sim.SetFaults(sim.Faults{Latency: 400 * time.Millisecond})
	for i := range 1000 {
		if i%5 == 0 {
			f.sim.Plan(agentNo(i), again(1)...)
		}
	}
	way := f.way(f.nats)
	// Who has to come again waits at the server.
	f.hire(way.url(), f.gateway, "--retry-initial", "4s", "--retry-max", "4s")
	// Still at what the other one was sent, when that arrives.
	f.hire(f.nats, f.gateway, "--retry-initial", "4s", "--retry-max", "4s", "--concurrency", "6")
	for _, idle := range []bool{true, false, true, false} {
		if idle {
			f.awaitResults(len(f.orders))
			way.hold()
			f.send(50)
		} else {
			f.send(150)
			f.some()
			way.hold()
		}
		f.pass(f.tooLong())
		way.flow()
	}
	f.cancel(10)
	found := f.check()
	f.none(found, messages.OutcomeFailed, messages.OutcomeRejected)
	f.handedOver(found)
}

// dismiss deletes the consumer, which forgets what it has delivered.
func (f *faults) dismiss() {
	f.Helper()
	f.reach(func(ctx context.Context) error {
		err := f.js.DeleteConsumer(ctx, streams.NamesOf(messages.DefaultPrefix).Commands, messages.DefaultPrefix.Consumer(messages.DefaultVCC))
		if errors.Is(err, jetstream.ErrConsumerNotFound) { // deleted by the try before
			return nil
		}
		return err
	})
}

// TestFaultsConsumerDeleted: somebody deletes the consumer, and makes it again or
// leaves that to the workers. Everything is delivered anew, as if nobody had it.
func TestFaultsConsumerDeleted(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		times int
		again func(*faults)
	}{
		"made again":          {3, (*faults).bind},
		"left to the workers": {1, func(*faults) {}}, // theirs has an AckWait of 15 s
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFaults(t)
			f.sim.SetFaults(sim.Faults{Latency: 300 * time.Millisecond})
			for range 2 {
				f.hire(f.nats, f.gateway)
			}
			for range c.times {
				f.send(300)
				f.some()
				f.dismiss()
				c.again(f)
				f.cancel(10)
			}
			found := f.check()
			f.none(found, messages.OutcomeFailed, messages.OutcomeRejected)
			f.handedOver(found)
		})
	}
}
