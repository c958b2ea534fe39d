package worker_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// TestSameIDAgain: however an id comes again, it is executed once.
func TestSameIDAgain(t *testing.T) {
	t.Parallel()
	withID := func(id string) nats.Header { return nats.Header{jetstream.MsgIDHeader: {id}} }
	cases := map[string]struct{ first, again nats.Header }{
		"both under their id":     {withID("a"), withID("a")},
		"none under its id":       {nil, nil},
		"under ids of their own":  {withID("x1"), withID("x2")},
		"the second without":      {withID("a"), nil},
		"the second under its id": {nil, withID("a")},
		"with their VCC":          {withID("default.a"), withID("default.a")},
		"with and without VCC":    {withID("default.a"), withID("a")},
		"without and with VCC":    {withID("a"), withID("default.a")},
		"the first without":       {nil, withID("default.a")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			release := r.sim.Hold()
			// A repeat that is left to the server comes again after AckWait.
			quick := func(c *worker.Config) { c.AckWait, c.CallTimeout = 2*time.Second, time.Second }
			r.start(quick)
			r.start(quick)
			data := encoded(t, order("a", "30001"))
			r.publish(c.first, data)
			r.publish(c.again, data) // while the first waits or is in flight
			r.must(r.sim.AwaitInFlight(r.ctx, 1))
			release()
			r.awaitOne("a")
			r.publish(c.again, data) // after its end
			r.send(order("sentinel", "30002"))
			r.awaitOne("sentinel")
			r.idle()
			if n := r.calls("30001"); n != 1 {
				t.Errorf("the gateway saw %d calls, want 1", n)
			}
			if n := r.streamState("RESULTS").Msgs; n != 2 {
				t.Errorf("%d results are stored, want 2", n)
			}
		})
	}
}

// TestSameIDDaysLater: long after the stream has forgotten the id, the ledger
// still knows it.
func TestSameIDDaysLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stream, err := r.js.Stream(r.ctx, prefix.Stream("COMMANDS"))
	r.must(err)
	w := r.start(nil)
	r.send(order("a", "30001"))
	r.awaitOne("a")
	r.idle()
	w.stop()
	// A new command stream has an empty duplicate window, as after its end.
	r.must(r.js.DeleteStream(r.ctx, stream.CachedInfo().Config.Name))
	_, err = streams.Setup(r.ctx, r.js, streams.Plan{Prefix: prefix})
	r.must(err)
	r.start(nil)
	inbox, err := r.nc.SubscribeSync("forcelogout.replies.late")
	r.must(err)
	again := order("a", "30001")
	again.ReplyTo = "forcelogout.replies.late"
	r.publish(nil, encoded(t, again))
	if _, err := inbox.NextMsgWithContext(r.ctx); err != nil {
		t.Error("who asks again is not told the result:", err)
	}
	r.idle()
	if n := r.calls("30001"); n != 1 {
		t.Errorf("the gateway saw %d calls, want 1", n)
	}
}

// TestSameIDWhileItWaits: the first copy waits on the server for longer than the
// stream remembers ids, and the second comes meanwhile.
func TestSameIDWhileItWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.must(r.js.DeleteStream(r.ctx, prefix.Stream("COMMANDS")))
	const window = 200 * time.Millisecond
	_, err := streams.Setup(r.ctx, r.js, streams.Plan{Prefix: prefix, MaxAge: window})
	r.must(err)
	for range 2 {
		r.start(func(c *worker.Config) { c.MaxAge = window })
	}
	command := order("a", "30001")
	command.NotBefore = time.Now().Add(4 * time.Second)
	command.ExpiresAt = command.NotBefore.Add(time.Minute)
	r.send(command)
	r.awaitNote("a")
	again := &nats.Msg{Subject: prefix.Commands(vcc), Header: nats.Header{jetstream.MsgIDHeader: {"a"}}, Data: encoded(t, command)}
	for {
		ack, err := r.js.PublishMsg(r.ctx, again)
		r.must(err)
		if !ack.Duplicate {
			break
		}
		r.tick()
	}
	if got := r.awaitOne("a"); got.Outcome != messages.OutcomeSignedOut || got.Redelivered {
		t.Errorf("result %+v", got)
	}
	r.idle()
	if n := r.calls("30001"); n != 1 {
		t.Errorf("the gateway saw %d calls, want 1", n)
	}
}

// TestSecondResultIsRefused: the stream itself refuses, whoever sends.
func TestSecondResultIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := messages.Result{ID: "a", VCC: vcc, WorkNo: "30001", Outcome: messages.OutcomeSignedOut, Attempts: 1}
	second := first
	second.Attempts++
	r.must(r.tell(first, "a"))
	err := r.tell(second, "another")
	var refused *jetstream.APIError
	if !errors.As(err, &refused) || refused.ErrorCode != 10077 {
		t.Errorf("the second result got %v, want error 10077", err)
	}
}

// TestSameIDInTwoVCCs: ids are the publisher's; another VCC's is another command,
// although the stream's duplicate window cannot tell them apart.
func TestSameIDInTwoVCCs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	r.start(func(c *worker.Config) { c.VCC = "other" })
	feed := r.results()
	data := encoded(t, order("a", "30001"))
	for _, name := range []string{vcc, "other"} {
		_, err := r.js.PublishMsg(r.ctx, &nats.Msg{Subject: prefix.Commands(name), Data: data})
		r.must(err)
		got, _, err := feed.Next(r.ctx)
		r.must(err)
		if got.VCC != name || !got.Outcome.Success() {
			t.Errorf("VCC %s: result %+v", name, got)
		}
	}
	r.idle()
}

// TestCrashedWorker: a command whose worker died may have been executed.
func TestCrashedWorker(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	// The consumer's owner here takes two commands and never says anything again.
	consumer, err := streams.Bind(r.ctx, r.js, streams.Plan{Prefix: prefix, AckWait: time.Second}, vcc)
	r.must(err)
	r.sim.SetAgent("30001", sim.Agent{SignedIn: false})
	r.send(order("done-by-the-dead", "30001"), order("not-done", "30002"))
	batch, err := consumer.Fetch(2)
	r.must(err)
	for range batch.Messages() {
	}
	r.must(batch.Error())
	r.start(func(c *worker.Config) { c.CallTimeout = 500 * time.Millisecond })
	results := r.await(2)
	if got := results["done-by-the-dead"]; got.Outcome != messages.OutcomeAlreadySignedOut || !got.Redelivered || r.calls("30001") != 0 {
		t.Errorf("result %+v after %d calls", got, r.calls("30001"))
	}
	if got := results["not-done"]; got.Outcome != messages.OutcomeSignedOut || !got.Redelivered || r.stateQueries("30002") != 1 {
		t.Errorf("result %+v after %d state queries", got, r.stateQueries("30002"))
	}
}

// TestRedeliveryAfterResult: the worker died between result and acknowledgement.
func TestRedeliveryAfterResult(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(order("a", "30001"))
	stored := messages.Result{ID: "a", VCC: vcc, WorkNo: "30001", Outcome: messages.OutcomeSignedOut, Attempts: 1}
	r.must(r.tell(stored, "a"))
	r.start(nil)
	r.idle()
	if n := len(r.sim.Calls()); n != 0 {
		t.Errorf("the gateway saw %d calls, want none", n)
	}
}
