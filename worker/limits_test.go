package worker_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// diary is a worker's log as an operator has it: from info on.
type diary struct {
	testWriter
	mu    sync.Mutex
	lines []string
}

func (r *rig) diary() *diary { return &diary{testWriter: testWriter{r}} }

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	d.lines = append(d.lines, string(p))
	d.mu.Unlock()
	return d.testWriter.Write(p)
}

func (d *diary) into(c *worker.Config) { c.Log = slog.New(slog.NewTextHandler(d, nil)) }

// with returns the lines that hold a text.
func (d *diary) with(text string) (found []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, line := range d.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// warnings counts the lines from warning on.
func (d *diary) warnings() int { return len(d.with("level=WARN")) + len(d.with("level=ERROR")) }

func (r *rig) saysNotReady(w running, why string) {
	r.Helper()
	r.until("not ready: "+why, func() bool { err := w.Ready(); return err != nil && strings.Contains(err.Error(), why) })
}

// change changes a stream's settings, and returns how to undo that.
func (r *rig) change(kind string, change func(*jetstream.StreamConfig)) (undo func()) {
	r.Helper()
	stream, err := r.js.Stream(r.ctx, prefix.Stream(kind))
	r.must(err)
	before := stream.CachedInfo().Config
	after := before
	change(&after)
	_, err = r.js.UpdateStream(r.ctx, after)
	r.must(err)
	return func() {
		r.Helper()
		_, err := r.js.UpdateStream(r.ctx, before)
		r.must(err)
	}
}

// TestDeadLettersTakeNoRoom: many invalid commands whose dead letters, or rejections,
// cannot be stored keep nobody out; readiness and one line of the log say it.
func TestDeadLettersTakeNoRoom(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		stream, problem string
		bad             func(int) string
	}{
		"letters": {"DEAD", "dead letters cannot be stored", func(i int) string { return fmt.Sprint("not a command ", i) }},
		"rejections": {"RESULTS", "results cannot be stored", func(i int) string {
			return fmt.Sprintf(`{"id":"bad-%d","workNo":"30001","reason":7}`, i)
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			undo := r.change(c.stream, func(s *jetstream.StreamConfig) { s.MaxBytes, s.Discard = 1, jetstream.DiscardNew })
			d := r.diary()
			w := r.start(d.into)
			const bad = 40
			for i := range bad {
				r.publish(nil, []byte(c.bad(i)))
			}
			r.send(order("healthy", "30009"))
			_, err := r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.WorkNo == "30009" })
			r.must(err)
			r.saysNotReady(w, c.problem)
			r.until("a line of the log", func() bool { return len(d.with(c.problem)) > 0 })
			if said := d.with(c.problem); len(said) != 1 || d.warnings() != 1 {
				t.Errorf("the log: %q, %d warnings", said, d.warnings())
			}
			undo()
			r.idle()
			r.until("ready", func() bool { return w.Ready() == nil })
			r.deadLetters(bad)
			r.until("a line of the log", func() bool { return len(d.with("stored again")) == 1 })
		})
	}
}

// TestResultsRefused: while no result can be stored, readiness and the log say so
// soon, once, and take it back; and nothing is called twice.
func TestResultsRefused(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*rig) (undo func()){
		"full": func(r *rig) func() {
			return r.change("RESULTS", func(s *jetstream.StreamConfig) { s.MaxBytes = 1 })
		},
		"gone": func(r *rig) func() {
			r.must(r.js.DeleteStream(r.ctx, prefix.Stream("RESULTS")))
			return func() {
				_, err := streams.Setup(r.ctx, r.js, streams.Plan{Prefix: prefix})
				r.must(err)
			}
		},
	}
	for name, refuse := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := r.diary()
			w := r.start(d.into)
			release := r.sim.Hold()
			r.send(crew(0, 500)...)
			r.must(r.sim.AwaitInFlight(r.ctx, 8))
			undo := refuse(r)
			release()
			r.until("not ready", func() bool { return w.Ready() != nil })
			r.saysNotReady(w, "cannot be")
			for range 200 { // time enough for a flood
				r.tick()
			}
			if n := d.warnings(); n > 3 {
				t.Errorf("%d warnings while results are %s", n, name)
			}
			undo()
			r.idle()
			r.until("ready", func() bool { return w.Ready() == nil })
			for i := range 500 {
				if n := r.calls(agentNo(i)); n != 1 {
					t.Errorf("%d calls for %s", n, agentNo(i))
				}
			}
			r.until("as many lines that take back as that say", func() bool { return len(d.with("cannot be")) == len(d.with(" again")) })
		})
	}
}

// limitedRig is a rig on a server with a max_payload.
func limitedRig(t *testing.T, maxPayload int32) (r *rig, ns *server.Server, opts *server.Options) {
	t.Helper()
	r = newRig(t)
	opts = &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, MaxPayload: maxPayload,
		JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	}
	ns, err := server.NewServer(opts)
	r.must(err)
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(30 * time.Second) {
		t.Fatal("no server")
	}
	r.elsewhere = ns.ClientURL()
	r.nc = r.connect()
	r.js, err = jetstream.New(r.nc)
	r.must(err)
	_, err = streams.Setup(r.ctx, r.js, streams.Plan{Prefix: prefix})
	r.must(err)
	r.client, err = client.New(r.nc, prefix)
	r.must(err)
	return r, ns, opts
}

// TestMaxPayload: whatever the server takes fits again as dead letter, result, note and
// repeat, shortened and marked so where needed.
func TestMaxPayload(t *testing.T) {
	t.Parallel()
	for _, limit := range []int32{streams.MinPayload, 6000, 8 << 10, 9 << 10, 64 << 10} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			r, _, _ := limitedRig(t, limit)
			invalid := 0
			for size := int(limit); size > int(limit)-1500; size -= 101 {
				r.publish(nil, []byte(strings.Repeat("x", size)))
				invalid++
			}
			// Headers fill what the command leaves, with an id and without.
			full := func(id, agent string, known bool) {
				t.Helper()
				c := order(id, agent)
				c.Meta = map[string]string{"shift": strings.Repeat("\u2028", 400)}
				data := encoded(t, c)
				header := nats.Header{"traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
				if known {
					header.Set(jetstream.MsgIDHeader, id)
				}
				rest := int(limit) - len(data) - 200
				header.Set("tracestate", "a="+strings.Repeat("t", rest))
				r.publish(header, data)
			}
			full("known", "30003", true)
			full("unknown", "30004", false)
			// One that waits on the server, and so has a note with the gateway's long text.
			r.sim.Plan("30002", sim.Answer{HTTPStatus: 503, Retcode: "100-007", Message: strings.Repeat("é", 600), Header: map[string][]string{"Retry-After": {"3"}}})
			r.send(order("noted", "30002"))
			r.start(nil)
			results := r.await(3)
			r.idle()
			for id, result := range results {
				if result.Outcome != messages.OutcomeSignedOut {
					t.Errorf("%s: %+v", id, result)
				}
			}
			for _, letter := range r.deadLetters(invalid) {
				whole := letter.Headers().Get(messages.HeaderTruncated)
				if len(letter.Data()) < int(limit)-1500 && whole == "" || len(letter.Data()) < int(limit)-2500 {
					t.Errorf("a letter of %d bytes, truncated %q", len(letter.Data()), whole)
				}
			}
		})
	}
}

// TestMaxPayloadChanges: the server's limit falls while a worker runs.
func TestMaxPayloadChanges(t *testing.T) {
	t.Parallel()
	r, ns, opts := limitedRig(t, 1<<20)
	w := r.start(nil)
	release := r.sim.Hold()
	c := order("a", "30001")
	c.Reason, c.Meta = strings.Repeat("r", 250), map[string]string{"shift": strings.Repeat("s", 1500)}
	r.send(c)
	r.must(r.sim.AwaitInFlight(r.ctx, 1))
	r.publish(nil, []byte(strings.Repeat("x", 900)))
	r.idleBut(1)
	lower := opts.Clone()
	lower.MaxPayload = 1000
	r.must(ns.ReloadOptions(lower))
	// Clients hear of it when they connect.
	for _, c := range connections(t, ns) {
		r.must(ns.DisconnectClientByID(c))
	}
	r.until("connected with the new limit", func() bool { return r.nc.IsConnected() && r.nc.MaxPayload() == 1000 })
	r.publish(nil, []byte(strings.Repeat("y", 999)))
	release()
	got := r.awaitOne("a")
	if got.Outcome != messages.OutcomeSignedOut || got.Meta != nil {
		t.Errorf("result %+v", got)
	}
	r.idle()
	r.deadLetters(2)
	if n := r.calls("30001"); n != 1 {
		t.Errorf("%d calls", n)
	}
	r.until("ready", func() bool { return w.Ready() == nil })
}

// TestMaxMsgSizeChanges: the streams' own limits fall while a worker runs.
func TestMaxMsgSizeChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(nil)
	release := r.sim.Hold()
	c := order("a", "30001")
	c.Meta = map[string]string{"shift": strings.Repeat("\u2028", 600)} // each takes six bytes in JSON
	r.send(c, order("b", "30002"))
	r.must(r.sim.AwaitInFlight(r.ctx, 2))
	for _, kind := range []string{"RESULTS", "PARKED", "DEAD"} {
		r.change(kind, func(s *jetstream.StreamConfig) { s.MaxMsgSize = 1000 })
	}
	r.publish(nil, []byte(strings.Repeat("y", 2000)))
	// Its note has the gateway's long text.
	r.sim.Plan("30003", sim.Answer{HTTPStatus: 503, Retcode: "100-007", Message: strings.Repeat("é", 600), Header: map[string][]string{"Retry-After": {"3"}}})
	r.send(order("noted", "30003"))
	release()
	for id, got := range r.await(3) {
		if got.Outcome != messages.OutcomeSignedOut || id == "noted" && got.Attempts != 2 {
			t.Errorf("result %+v", got)
		}
	}
	r.idle()
	r.deadLetters(1)
	for _, agent := range []string{"30001", "30002"} {
		if n := r.calls(agent); n != 1 {
			t.Errorf("%d calls for %s", n, agent)
		}
	}
	r.until("ready", func() bool { return w.Ready() == nil })
}

// idleBut waits until so many commands are left in the stream.
func (r *rig) idleBut(n uint64) {
	r.Helper()
	r.until("an empty stream", func() bool { return r.streamState("COMMANDS").Msgs <= n })
}

func connections(t *testing.T, ns *server.Server) (ids []uint64) {
	t.Helper()
	z, err := ns.Connz(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range z.Conns {
		ids = append(ids, c.Cid)
	}
	return ids
}

// TestTooSmallPayload: where not even a bare result fits, the worker does not start,
// and names the setting.
func TestTooSmallPayload(t *testing.T) {
	t.Parallel()
	r, ns, opts := limitedRig(t, 1<<20)
	lower := opts.Clone()
	lower.MaxPayload = streams.MinPayload - 1
	r.must(ns.ReloadOptions(lower))
	nc, err := nats.Connect(ns.ClientURL())
	r.must(err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	r.must(err)
	if err := streams.Check(r.ctx, js, streams.Plan{Prefix: prefix}); err == nil || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("check says %v", err)
	}
}

// TestMaxAckPendingReached: commands that were handed back are in a gauge, and where
// they keep others out, readiness says it.
func TestMaxAckPendingReached(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.diary()
	w := r.start(func(c *worker.Config) { c.WatchPeriod = 100 * time.Millisecond; d.into(c) })
	consumer, err := r.js.Consumer(r.ctx, prefix.Stream("COMMANDS"), prefix.Consumer(vcc))
	r.must(err)
	few := consumer.CachedInfo().Config
	few.MaxAckPending = 2
	_, err = r.js.UpdateConsumer(r.ctx, prefix.Stream("COMMANDS"), few)
	r.must(err)
	for i := range 2 {
		later := order(fmt.Sprint("later-", i), agentNo(i))
		later.NotBefore, later.ExpiresAt = time.Now().Add(20*time.Second), time.Now().Add(time.Hour)
		r.send(later)
	}
	r.until("two commands handed back", func() bool { return w.Gauges().Unacked == 2 && w.Gauges().InHand == 0 })
	r.must(w.Ready())
	r.send(order("now", "30009"))
	r.saysNotReady(w, "max_ack_pending")
	few.MaxAckPending = 3
	_, err = r.js.UpdateConsumer(r.ctx, prefix.Stream("COMMANDS"), few)
	r.must(err)
	r.awaitOne("now")
	r.until("ready", func() bool { return w.Ready() == nil })
	r.until("a line of the log", func() bool { return len(d.with("progresses again")) == 1 })
	if n := len(d.with("max_ack_pending")); n != 1 {
		t.Errorf("%d lines about it", n)
	}
}

// TestReadyAsCommandsFlow: readiness does not wait for the next look at the consumer.
func TestReadyAsCommandsFlow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(func(c *worker.Config) { c.WatchPeriod = 500 * time.Millisecond })
	stream, err := r.js.Stream(r.ctx, prefix.Stream("COMMANDS"))
	r.must(err)
	for i := range 5 { // a look may come in between, not each time
		_, err = stream.PauseConsumer(r.ctx, prefix.Consumer(vcc), time.Now().Add(time.Hour))
		r.must(err)
		r.saysNotReady(w, "paused")
		_, err = stream.ResumeConsumer(r.ctx, prefix.Consumer(vcc))
		r.must(err)
		id := fmt.Sprint("a-", i)
		r.send(order(id, agentNo(i)))
		r.awaitOne(id)
		if err := w.Ready(); err != nil {
			t.Errorf("a command came, and readiness says %v", err)
		}
	}
}

// TestNoRoom: commands wait for room here for too long, whatever took it.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.diary()
	w := r.start(func(c *worker.Config) {
		c.WatchPeriod, c.Rate, c.Concurrency = 200*time.Millisecond, 0.1, 1
		d.into(c)
	})
	r.send(crew(0, 30)...)
	r.saysNotReady(w, "no room for the commands that wait")
	r.until("a line of the log", func() bool { return len(d.with("no room for the commands")) > 0 })
	if n := len(d.with("no room for the commands")); n != 1 {
		t.Errorf("%d lines about it", n)
	}
}
