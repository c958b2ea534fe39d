package worker_test

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/messages/schematest"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// Tests about who holds a command have two workers, a and b, with an inspector each:
// so the gateway's record shows whose call a call was.
const (
	inspectorOfB = "1002"
	guidOfB      = "22222222-2222-4333-8444-555555555555.AgentGateway1"
)

// asB names a worker b and gives it an inspector of its own.
func (r *rig) asB(more ...func(*worker.Config)) func(*worker.Config) {
	r.sim.GiveSession(inspectorOfB, guidOfB)
	return func(c *worker.Config) {
		c.Instance, c.Inspectors = "b", []session.Account{{Inspector: inspectorOfB, GUID: guidOfB}}
		for _, change := range more {
			change(c)
		}
	}
}

// ackWait makes the consumer with a lease that is short enough for tests.
func (r *rig) ackWait(d time.Duration) {
	r.Helper()
	_, err := streams.Bind(r.ctx, r.js, streams.Plan{Prefix: prefix, AckWait: d}, vcc)
	r.must(err)
}

func (r *rig) consumer() *jetstream.ConsumerInfo {
	r.Helper()
	consumer, err := r.js.Consumer(r.ctx, prefix.Stream("COMMANDS"), prefix.Consumer(vcc))
	r.must(err)
	return consumer.CachedInfo()
}

// until waits for something that must come.
func (r *rig) until(what string, is func() bool) {
	r.Helper()
	for !is() {
		if r.ctx.Err() != nil {
			r.Fatal("it did not come to: " + what)
		}
		r.tick()
	}
}

// within waits for something that may come and must not: a test that is too fast for
// it sees less, and never fails for it.
func (r *rig) within(d time.Duration, is func() bool) {
	for end := time.Now().Add(d); time.Now().Before(end) && !is(); {
		r.tick()
	}
}

// pulls waits until so many pulls are open at the server.
func (r *rig) pulls(n int) {
	r.Helper()
	r.until("pulls are open", func() bool { return r.consumer().NumWaiting >= n })
}

// fetchOne takes one delivery as another worker would.
func (r *rig) fetchOne() jetstream.Msg {
	r.Helper()
	consumer, err := r.js.Consumer(r.ctx, prefix.Stream("COMMANDS"), prefix.Consumer(vcc))
	r.must(err)
	for r.ctx.Err() == nil {
		batch, err := consumer.Fetch(1, jetstream.FetchMaxWait(5*time.Second))
		r.must(err)
		for msg := range batch.Messages() {
			return msg
		}
	}
	r.Fatal("nothing was delivered")
	return nil
}

func (r *rig) callsOf(who, workNo string) (calls []sim.Call) {
	for _, c := range r.sim.CallsTo(workNo, sim.OpForceLogout) {
		if c.Inspector == who {
			calls = append(calls, c)
		}
	}
	return calls
}

// oneAtATime makes sure that no call for an agent began while another was under way.
// The gateway itself says so: 000-007.
func (r *rig) oneAtATime(workNo string) {
	r.Helper()
	for _, c := range r.sim.CallsTo(workNo, sim.OpForceLogout) {
		if c.Retcode == "000-007" {
			r.Errorf("%s was called by %s while another worker's call was under way", workNo, c.Inspector)
		}
	}
}

// notAfter makes sure that one inspector's worker makes no call for an agent once
// another's has begun: it does not hold the command any more then.
func (r *rig) notAfter(who, workNo, other string) {
	r.Helper()
	theirs := r.callsOf(other, workNo)
	for _, c := range r.callsOf(who, workNo) {
		if len(theirs) > 0 && c.Start.After(theirs[0].Start) {
			r.Errorf("%s called for %s after %s, whose worker holds the command", who, workNo, other)
			return
		}
	}
}

// said is what workers told the server of a delivery.
type said struct {
	word     string // +ACK, -NAK, +WPI
	subject  string
	seq      uint64
	delivery uint64
}

// acks hears what workers tell the server, as it comes there.
type acks struct {
	mu  sync.Mutex
	all []said
}

func (r *rig) hearAcks() *acks {
	r.Helper()
	a := &acks{}
	sub, err := r.nc.Subscribe("$JS.ACK.>", func(m *nats.Msg) {
		meta, err := (&nats.Msg{Reply: m.Subject, Sub: m.Sub}).Metadata()
		if err != nil || len(m.Data) < 4 {
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.all = append(a.all, said{string(m.Data[:4]), m.Subject, meta.Sequence.Stream, meta.NumDelivered})
	})
	r.must(err)
	r.Cleanup(func() { _ = sub.Unsubscribe() })
	r.must(r.nc.Flush())
	return a
}

// of returns what was said with a word about a message.
func (a *acks) of(seq uint64, word string) (found []said) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.all {
		if s.seq == seq && s.word == word {
			found = append(found, s)
		}
	}
	return found
}

// delivered is how many deliveries the consumer has made.
func (r *rig) delivered() uint64 {
	r.Helper()
	return r.consumer().Delivered.Consumer
}

// storeResult stores a result as another worker would.
func (r *rig) storeResult(id, workNo string) {
	r.Helper()
	r.must(r.tell(messages.Result{ID: id, VCC: vcc, WorkNo: workNo, Outcome: messages.OutcomeSignedOut, Attempts: 1, Worker: "another"}, id))
}

// tell publishes a result as whoever has the right to may do, under a Nats-Msg-Id.
func (r *rig) tell(result messages.Result, messageID string) error {
	r.Helper()
	msg, err := schematest.Told(prefix, result)
	r.must(err)
	msg.Header.Set(jetstream.MsgIDHeader, messageID)
	_, err = r.js.PublishMsg(r.ctx, msg)
	return err
}

// storeNote stores a note as another worker would.
func (r *rig) storeNote(id string, note messages.Parked) {
	r.Helper()
	data, err := note.Encode()
	r.must(err)
	_, err = r.js.Publish(r.ctx, prefix.Parked(vcc, id), data)
	r.must(err)
}
