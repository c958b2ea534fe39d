package worker_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// TestInvalidCommands: one dead letter with the bytes as they came, a result
// where it can be said whose, no call, no second delivery, and the healthy
// command behind them is executed.
func TestInvalidCommands(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		data     string
		rejected string // id of the result, "" for none
		problem  string // part of the reason
	}{
		{"empty", ``, "", ""},
		{"random bytes", "\x00\xff\xfe{", "", ""},
		{"not an object", `["30001"]`, "", ""},
		{"misspelt field", `{"id":"misspelt","workNo":"30001","expiresat":"2026-01-01T00:00:00Z"}`, "misspelt", "expiresAt"},
		{"wrong type", `{"id":"type","workNo":"30001","reason":7}`, "type", "reason"},
		{"duplicate key", `{"id":"twice","workNo":"30001","reason":"a","reason":"b"}`, "twice", "reason"},
		{"trailing data", `{"id":"trailing","workNo":"30001"} {}`, "trailing", ""},
		{"broken time", `{"id":"time","workNo":"30001","expiresAt":"18:00"}`, "time", "expiresAt"},
		{"workNo out of range", `{"id":"range","workNo":"99"}`, "", "workNo"},
		{"workNo with a path", `{"id":"path","workNo":"1/../2"}`, "", "workNo"},
		{"itself", `{"id":"itself","workNo":"1001","inspector":"1001"}`, "itself", "inspector"},
		{"forbidden reply", `{"id":"reply","workNo":"30001","replyTo":"$JS.API.STREAM.DELETE.X"}`, "reply", "replyTo"},
		{"reply outside the patterns", `{"id":"outside","workNo":"30001","replyTo":"orders.new"}`, "outside", "replyTo"},
		{"reply to our own subjects", `{"id":"own","workNo":"30001","replyTo":"forcelogout.results.default.30001.x"}`, "own", "replyTo"},
		{"reply to a wildcard", `{"id":"wild","workNo":"30001","replyTo":"_INBOX.>"}`, "wild", "replyTo"},
		{"too large", `{"id":"large","workNo":"30001","reason":"` + strings.Repeat("x", 9000) + `"}`, "large", ""},
	}
	r := newRig(t)
	var sequences []uint64
	rejected := 0
	for _, c := range cases {
		sequences = append(sequences, r.publish(nil, []byte(c.data)))
		if c.rejected != "" {
			rejected++
		}
	}
	r.start(nil)
	r.send(order("healthy", "30009"))
	results := r.await(rejected + 1)
	r.idle()
	letters := r.deadLetters(len(cases))
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			letter := letters[strconv.FormatUint(sequences[i], 10)]
			if letter == nil || !bytes.Equal(letter.Data(), []byte(c.data)) {
				t.Fatalf("dead letter %v", letter)
			}
			reason := letter.Headers().Get(messages.HeaderError)
			if reason == "" || !strings.Contains(reason, c.problem) || letter.Headers().Get(messages.HeaderSubject) != prefix.Commands(vcc) {
				t.Errorf("dead letter's headers %v", letter.Headers())
			}
			if c.rejected == "" {
				return
			}
			got := results[c.rejected]
			if got.Outcome != messages.OutcomeRejected || got.Cause != messages.CauseInvalid || got.Error != reason || got.Attempts != 0 {
				t.Errorf("result %+v", got)
			}
		})
	}
	if n := len(r.sim.Calls()); n != 1 || !results["healthy"].Outcome.Success() {
		t.Errorf("the gateway saw %d calls, want the healthy one", n)
	}
}

// deadLetters returns the n dead letters there are, by command sequence.
func (r *rig) deadLetters(n int) map[string]jetstream.Msg {
	r.Helper()
	if stored := r.streamState("DEAD").Msgs; stored != uint64(n) {
		r.Fatalf("%d dead letters are stored, want %d", stored, n)
	}
	consumer, err := r.js.OrderedConsumer(r.ctx, prefix.Stream("DEAD"), jetstream.OrderedConsumerConfig{})
	r.must(err)
	batch, err := consumer.Fetch(n)
	r.must(err)
	letters := map[string]jetstream.Msg{}
	for msg := range batch.Messages() {
		letters[msg.Headers().Get(messages.HeaderSequence)] = msg
	}
	return letters
}

// TestLargestPayload: bytes that fill the server's limit leave no room for a
// dead letter's headers, and must not stay in the stream for ever.
func TestLargestPayload(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(nil, make([]byte, r.nc.MaxPayload()))
	r.start(nil)
	r.idle()
	for _, letter := range r.deadLetters(1) {
		if got := letter.Headers().Get("Forcelogout-Truncated"); got != strconv.FormatInt(r.nc.MaxPayload(), 10) {
			t.Errorf("headers %v", letter.Headers())
		}
	}
}

// TestDeadLettersFull: an invalid command stays in the stream until its dead
// letter is stored.
func TestDeadLettersFull(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stream, err := r.js.Stream(r.ctx, prefix.Stream("DEAD"))
	r.must(err)
	open := stream.CachedInfo().Config
	full := open
	full.MaxBytes, full.Discard = 1, jetstream.DiscardNew
	_, err = r.js.UpdateStream(r.ctx, full)
	r.must(err)
	r.start(nil)
	r.publish(nil, []byte("not a command"))
	r.send(order("healthy", "30001"))
	r.awaitOne("healthy")
	if n := r.streamState("COMMANDS").Msgs; n == 0 {
		t.Error("the invalid command is gone without a dead letter")
	}
	_, err = r.js.UpdateStream(r.ctx, open)
	r.must(err)
	r.idle()
	r.deadLetters(1)
}

// TestReplyTo: the result also goes to where the publisher asked, trace and all.
func TestReplyTo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	inbox := nats.NewInbox()
	sub, err := r.nc.SubscribeSync(inbox)
	r.must(err)
	command := order("a", "30001")
	command.ReplyTo = inbox
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	r.publish(nats.Header{jetstream.MsgIDHeader: {"a"}, "traceparent": {trace}}, encoded(t, command))
	reply, err := sub.NextMsgWithContext(r.ctx)
	r.must(err)
	stored, err := r.js.Stream(r.ctx, prefix.Stream("RESULTS"))
	r.must(err)
	msg, err := stored.GetLastMsgForSubject(r.ctx, prefix.Result(vcc, "30001", "a"))
	r.must(err)
	if !bytes.Equal(reply.Data, msg.Data) {
		t.Errorf("reply %s, result %s", reply.Data, msg.Data)
	}
	want := map[string]string{
		"Content-Type": "application/json", "Nats-Msg-Id": "a", "traceparent": trace,
		"ce-specversion": "1.0", "ce-id": "a", "ce-type": "forcelogout.result.v1", "ce-subject": "default/30001",
		messages.HeaderOutcome: "signed_out",
	}
	for name, value := range want {
		if msg.Header.Get(name) != value || reply.Header.Get(name) != value {
			t.Errorf("header %s: result %q, reply %q, want %q", name, msg.Header.Get(name), reply.Header.Get(name), value)
		}
	}
}
