package worker_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// TestSameIDTwiceInBacklog: a command waits for longer than the stream remembers ids,
// and is published again meanwhile. Two workers get the two at the same time, and one
// of them calls.
func TestSameIDTwiceInBacklog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const window = 200 * time.Millisecond
	r.must(r.js.DeleteStream(r.ctx, prefix.Stream("COMMANDS")))
	_, err := streams.Setup(r.ctx, r.js, streams.Plan{Prefix: prefix, MaxAge: window})
	r.must(err)
	r.ackWait(5 * time.Second)
	x := order("x", "30001")
	x.ExpiresAt = time.Now().Add(time.Minute)
	header := nats.Header{jetstream.MsgIDHeader: {"x"}}
	r.publish(header, encoded(t, x))
	r.until("the stream has forgotten the id", func() bool {
		r.publish(header, encoded(t, x))
		return r.streamState("COMMANDS").Msgs == 2
	})
	release := r.sim.Hold()
	one := func(c *worker.Config) { c.MaxAge, c.Concurrency, c.CallTimeout = window, 1, 4900*time.Millisecond }
	r.start(one)
	r.start(r.asB(one))
	r.must(r.sim.AwaitInFlight(r.ctx, 1))
	// The other calls as well, or finds that it must not.
	r.within(time.Second, func() bool { return r.calls("30001") > 0 || r.streamState("COMMANDS").Msgs < 2 })
	release()
	if got := r.awaitOne("x"); got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("the agent was signed out, and the result is %+v", got)
	}
	r.idle()
	if n := r.calls("30001"); n != 1 {
		t.Errorf("the gateway saw %d calls, want 1", n)
	}
}

// TestNoClaimNeeded: a command that cannot be doubled pays nothing for those that can.
func TestNoClaimNeeded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	r.start(r.asB())
	r.send(crew(0, 20)...)
	r.allSignedOut(20)
	r.idle()
	if n := r.streamState("PARKED").LastSeq; n != 1 {
		t.Errorf("%d notes were written", n)
	}
}

// TestOtherCommandsNote: a note names a sequence, which is another command's after the
// stream was made anew. The command that the note is about is executed all the same.
func TestOtherCommandsNote(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.start(nil)
	x := order("x", "30001")
	x.NotBefore, x.ExpiresAt = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	r.send(x)
	r.awaitNote("x")
	first.stop()
	r.must(r.js.DeleteStream(r.ctx, prefix.Stream("COMMANDS")))
	_, err := streams.Setup(r.ctx, r.js, streams.Plan{Prefix: prefix})
	r.must(err)
	other := order("other", "30002")
	other.NotBefore, other.ExpiresAt = x.NotBefore, x.ExpiresAt
	r.send(other, order("x", "30001"))
	r.start(nil)
	r.bound(20 * time.Second)
	r.until("x is no longer in the stream", func() bool { return r.streamState("COMMANDS").Msgs == 1 })
	if got := r.awaitOne("x"); got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("result %+v", got)
	}
}
