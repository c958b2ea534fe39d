package worker_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
	"github.com/forcelogout/forcelogout/worker/streams"
)

func (r *rig) lastNote(id string) (messages.Parked, uint64) {
	stream, err := r.js.Stream(r.ctx, prefix.Stream("PARKED"))
	r.must(err)
	msg, err := stream.GetLastMsgForSubject(r.ctx, prefix.Parked(vcc, id))
	if err != nil {
		return messages.Parked{}, 0
	}
	p, err := messages.DecodeParked(msg.Data)
	r.must(err)
	return p, msg.Sequence
}

func (r *rig) cancelAside(id string) {
	done := make(chan struct{})
	go func() { defer close(done); r.cancel(client.Selection{IDs: []string{id}}) }()
	r.Cleanup(func() { <-done })
}

// TestDrainWhileItRests: a command that rests keeps the claim it waits for when its worker ends.
func TestDrainWhileItRests(t *testing.T) {
	t.Parallel()
	for name, withdrawn := range map[string]bool{"withdrawn": true, "not withdrawn": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.ackWait(10 * time.Second)
			calls := func(c *worker.Config) { c.Concurrency, c.CallTimeout = 1, 9800*time.Millisecond }
			acks := r.hearAcks()
			release := r.sim.Hold()
			defer release()
			r.start(calls) // a
			x := order("x", "30001")
			x.ExpiresAt = time.Now().Add(time.Minute)
			r.publish(nil, encoded(t, x)) // without an id: claimed
			r.must(r.sim.AwaitInFlight(r.ctx, 1))
			r.until("the lease is extended", func() bool { return len(acks.of(1, "+WPI")) > 0 })
			c := r.start(func(cfg *worker.Config) { calls(cfg); cfg.Instance = "c" })
			r.pulls(1)
			if withdrawn {
				r.cancelAside("x")
				r.until("it is marked", func() bool { p, _ := r.lastNote("x"); return p.Cancelled != nil })
				time.Sleep(100 * time.Millisecond)
			}
			before := r.delivered()
			r.must(r.nc.Publish(acks.of(1, "+WPI")[0].subject, []byte("-NAK"))) // a late NAK
			r.until("c has it", func() bool { return r.delivered() > before })
			time.Sleep(500 * time.Millisecond) // c rests
			c.stop()
			p, _ := r.lastNote("x")
			t.Logf("note after c drained: %+v", p)
			r.start(r.asB(calls)) // d
			r.within(3*time.Second, func() bool { return r.streamState("RESULTS").Msgs > 0 || len(r.callsOf(inspectorOfB, "30001")) > 0 })
			release()
			got := r.awaitOne("x")
			time.Sleep(300 * time.Millisecond)
			for _, c := range r.sim.CallsTo("30001", sim.OpForceLogout) {
				t.Logf("call %+v", c)
				if c.Effect && got.Outcome == messages.OutcomeCancelled {
					t.Errorf("cancelled, and signed out by %s: %+v", c.Inspector, got)
				}
			}
			r.oneAtATime("30001")
			t.Logf("result %+v", got)
		})
	}
}

// TestWithdrawnWithoutInspector: a withdrawn command whose inspector is away does not go round.
func TestWithdrawnWithoutInspector(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.GiveSession(inspectorOfB, guidOfB)
	r.sim.Plan("30001", comeLater())
	w := r.start(func(c *worker.Config) {
		c.Inspectors = append(c.Inspectors, session.Account{Inspector: inspectorOfB, GUID: guidOfB})
	})
	x := order("x", "30001")
	x.Inspector, x.ExpiresAt = inspector, time.Now().Add(25*time.Second)
	r.send(x)
	r.awaitNote("x")
	r.sim.EndSession(inspector)
	y := order("y", "30002")
	y.Inspector = inspector
	r.send(y)
	r.until("the inspector is down", func() bool { return w.Degraded() != nil })
	t.Log(w.Degraded())
	r.cancelAside("x")
	r.until("it is marked", func() bool { p, _ := r.lastNote("x"); return p.Cancelled != nil })
	time.Sleep(3 * time.Second)
	before, notes := r.delivered(), r.streamState("PARKED").LastSeq
	time.Sleep(3 * time.Second)
	n := r.delivered() - before
	t.Logf("%d deliveries, %d notes in 3 s", n, r.streamState("PARKED").LastSeq-notes)
	if n > 10 {
		t.Errorf("busy loop: %d deliveries in 3 s", n)
	}
}

// TestFirstCallsConsumerAnew: the first commands of a VCC are in calls, the consumer is deleted, and a worker starts.
func TestFirstCallsConsumerAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ackWait(8 * time.Second)
	long := func(c *worker.Config) { c.Concurrency, c.CallTimeout = 1, 7*time.Second }
	release := r.sim.Hold()
	r.start(long)
	r.send(order("x", "30001"))
	r.must(r.sim.AwaitInFlight(r.ctx, 1))
	r.must(r.js.DeleteConsumer(r.ctx, prefix.Stream("COMMANDS"), prefix.Consumer(vcc)))
	r.start(r.asB(long))
	r.within(3*time.Second, func() bool { return len(r.callsOf(inspectorOfB, "30001")) > 0 })
	release()
	t.Logf("result %+v", r.awaitOne("x"))
	r.oneAtATime("30001")
}

// TestIssuedInTheFuture: a publisher whose clock is ahead does not hide that a command may be there twice.
func TestIssuedInTheFuture(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const window = 2 * time.Second
	r.must(r.js.DeleteStream(r.ctx, prefix.Stream("COMMANDS")))
	_, err := streams.Setup(r.ctx, r.js, streams.Plan{Prefix: prefix, MaxAge: window})
	r.must(err)
	r.ackWait(8 * time.Second)
	x := order("x", "30001")
	x.IssuedAt = time.Now().Add(40 * time.Second)
	x.ExpiresAt = x.IssuedAt.Add(time.Second)
	header := nats.Header{jetstream.MsgIDHeader: {messages.MessageID(vcc, "x")}}
	r.publish(header, encoded(t, x))
	theirs := r.fetchOne() // a worker that crashes
	one := func(c *worker.Config) { c.MaxAge, c.Concurrency, c.CallTimeout = window, 1, 7*time.Second }
	release := r.sim.Hold()
	defer release()
	r.start(one)
	r.until("the stream has forgotten the id", func() bool {
		r.publish(header, encoded(t, x))
		return r.streamState("COMMANDS").Msgs == 2
	})
	r.must(r.sim.AwaitInFlight(r.ctx, 1))
	r.start(r.asB(one))
	r.pulls(1)
	r.must(theirs.Nak())
	r.within(3*time.Second, func() bool { return len(r.callsOf(inspectorOfB, "30001")) > 0 })
	release()
	t.Logf("result %+v", r.awaitOne("x"))
	r.oneAtATime("30001")
}

// TestBrokenBytesInANote: whatever bytes a gateway answers with, the note can be written.
func TestBrokenBytesInANote(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ackWait(2 * time.Second)
	gate, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	defer gate.Close()
	go func() {
		for {
			c, err := gate.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 4096)
				n, _ := c.Read(b)
				if n > 3 && string(b[:3]) == "GET" {
					body := `{"retcode":"0","result":{"workno":"30001","status":"4","ctiStatus":"1"}}`
					_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n" + body))
					return
				}
				_, _ = c.Write([]byte("HTTP/1.1 502 Bad\r\n\xff\xfe broken line\r\n\r\n"))
			}()
		}
	}()
	w := r.start(func(c *worker.Config) {
		gw, err := gateway.NewClient(gateway.Options{URL: "http://" + gate.Addr().String()})
		r.must(err)
		r.Cleanup(gw.Close)
		c.Gateway, c.CallTimeout = gw, 1900*time.Millisecond
		c.Retry = worker.Retry{MaxAttempts: 2, Initial: 4 * time.Second, Max: 4 * time.Second}
	})
	_ = w
	x := order("x", "30001")
	x.ExpiresAt = time.Now().Add(20 * time.Second)
	r.send(x)
	got := r.awaitOne("x")
	p, _ := r.lastNote("x")
	t.Logf("%d deliveries, note %+v", r.delivered(), p)
	if got.Cause != messages.CauseRetriesExhausted || got.Attempts != 2 {
		t.Errorf("result %+v", got)
	}
}

// TestUnreadIsCounted: queries that are never answered are counted over a hand back.
func TestUnreadIsCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.Plan("30001", sim.Answer{Fault: sim.FaultAnswerLost})
	r.sim.PlanState("30001", repeated(sim.Answer{HTTPStatus: 503}, 1000)...)
	r.start(func(c *worker.Config) {
		c.Retry = worker.Retry{MaxAttempts: 5, Initial: 500 * time.Millisecond, Max: 30 * time.Second}
	})
	x := order("x", "30001")
	x.ExpiresAt = time.Now().Add(40 * time.Second)
	r.send(x)
	got := r.awaitOne("x")
	if n := r.stateQueries("30001"); n > 6 {
		t.Errorf("%d queries, result %+v", n, got)
	}
}

// TestCancelledDoesNotExpire: what was answered as cancelled ends as cancelled.
func TestCancelledDoesNotExpire(t *testing.T) {
	t.Parallel()
	for name, bare := range map[string]bool{"bare": true, "nothing pulled": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			x := order("x", "30001")
			x.ExpiresAt = time.Now().Add(2 * time.Second)
			if bare {
				r.publish(nil, encoded(t, x))
			} else {
				r.send(x)
			}
			answer := r.cancel(client.Selection{IDs: []string{"x"}})["x"].Answer
			time.Sleep(time.Until(x.ExpiresAt))
			if bare {
				r.start(nil)
			} else {
				r.start(keeps("w", func(c *worker.Config) { c.Inspectors[0].Password = "wrong" }))
			}
			got := r.awaitOne("x")
			if answer == client.Cancelled && got.Outcome != messages.OutcomeCancelled {
				t.Errorf("answered %s, and the result is %+v", answer, got)
			}
		})
	}
}

// TestCancelDuringOthersCall: the agent's state is asked when somebody else's call must be over.
func TestCancelDuringOthersCall(t *testing.T) {
	t.Parallel()
	// The sooner it is asked first, the longer it waits then: in hand, or with the server.
	for name, pause := range map[string]time.Duration{"asked late": 1500 * time.Millisecond, "asked soon": 400 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.sim.GiveSession(inspectorOfB, guidOfB)
			release := r.sim.Hold()
			go func() { // the call of a worker before, which the gateway goes on with
				req, _ := http.NewRequest("POST", r.url+"/agentgateway/resource/qualitycontrol/"+inspectorOfB+"/forcelogout/30001", nil)
				req.Header.Set("Guid", guidOfB)
				req.Header.Set("Content-Type", "application/json; charset=UTF-8")
				if resp, err := http.DefaultClient.Do(req); err == nil {
					resp.Body.Close()
				}
				http.DefaultClient.CloseIdleConnections()
			}()
			r.must(r.sim.AwaitInFlight(r.ctx, 1))
			r.start(func(c *worker.Config) {
				c.CallTimeout = 3 * time.Second
				c.Retry = worker.Retry{MaxAttempts: 4, Initial: pause, Max: pause}
			})
			r.send(order("x", "30001"))
			r.until("000-007", func() bool { return len(r.callsOf(inspector, "30001")) > 0 })
			r.cancelAside("x")
			r.within(2*time.Second, func() bool { return r.streamState("RESULTS").Msgs > 0 })
			release()
			got := r.awaitOne("x")
			time.Sleep(300 * time.Millisecond)
			if !r.sim.Agent("30001").SignedIn && got.Outcome == messages.OutcomeCancelled {
				t.Errorf("the agent was signed out, and the result is %+v", got)
			}
			t.Logf("%+v %+v", got, r.sim.Agent("30001"))
		})
	}
}

// TestConfirmLosesLease: what the gateway has said outlives the lease.
func TestConfirmLosesLease(t *testing.T) {
	t.Parallel()
	for name, withdrawn := range map[string]bool{"withdrawn": true, "not withdrawn": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, sim.Config{EffectDelay: 7 * time.Second})
			r.sim.GiveSession(inspector, guid)
			r.ackWait(3 * time.Second)
			conf := func(c *worker.Config) { c.Concurrency, c.CallTimeout, c.Confirm = 1, 2500*time.Millisecond, true }
			r.start(conf)
			r.send(order("x", "30001"))
			r.until("the call is answered", func() bool { c := r.callsOf(inspector, "30001"); return len(c) > 0 && c[0].Retcode == "0" })
			r.start(r.asB(conf))
			r.must(r.js.DeleteConsumer(r.ctx, prefix.Stream("COMMANDS"), prefix.Consumer(vcc)))
			if withdrawn {
				time.Sleep(2 * time.Second)
				r.cancelAside("x")
			}
			got := r.awaitOne("x")
			p, _ := r.lastNote("x")
			t.Logf("%d calls, note %+v, result %+v", r.calls("30001"), p, got)
			if got.Outcome == messages.OutcomeCancelled {
				t.Errorf("the gateway had said 0, and the result is %+v", got)
			}
			if r.calls("30001") > 1 {
				t.Errorf("%d calls", r.calls("30001"))
			}
		})
	}
}

// TestHandedBackAndExpired: a command that was handed back in good order is not doubted.
func TestHandedBackAndExpired(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.Plan("30001", sim.Answer{Retcode: "100-009"}, sim.Answer{Retcode: "100-009"}, sim.Answer{Retcode: "100-009"})
	r.sim.PlanState("30001", repeated(sim.Answer{HTTPStatus: 503}, 1000)...)
	r.start(func(c *worker.Config) {
		c.Retry = worker.Retry{MaxAttempts: 9, Initial: 3 * time.Second, Max: 3 * time.Second}
	})
	x := order("x", "30001")
	x.ExpiresAt = time.Now().Add(15 * time.Second)
	r.send(x)
	r.awaitNote("x") // delivery 1 ended in good order
	r.until("the second call", func() bool { return r.calls("30001") == 2 })
	r.cancelAside("x")
	got := r.awaitOne("x")
	t.Logf("%d calls, %d queries, %+v", r.calls("30001"), r.stateQueries("30001"), got)
	if got.Outcome != messages.OutcomeCancelled || got.Redelivered {
		t.Errorf("%+v", got)
	}
}

// TestConfirmLosesLeaseClaimed: the same for a command that was claimed.
func TestConfirmLosesLeaseClaimed(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{EffectDelay: 7 * time.Second})
	r.sim.GiveSession(inspector, guid)
	r.ackWait(3 * time.Second)
	conf := func(c *worker.Config) { c.Concurrency, c.CallTimeout, c.Confirm = 1, 2500*time.Millisecond, true }
	r.start(conf)
	r.publish(nil, encoded(t, order("x", "30001")))
	r.until("the call is answered", func() bool { c := r.callsOf(inspector, "30001"); return len(c) > 0 && c[0].Retcode == "0" })
	r.start(r.asB(conf))
	r.must(r.js.DeleteConsumer(r.ctx, prefix.Stream("COMMANDS"), prefix.Consumer(vcc)))
	time.Sleep(2 * time.Second)
	r.cancelAside("x")
	got := r.awaitOne("x")
	p, _ := r.lastNote("x")
	t.Logf("%d calls, note %+v, result %+v", r.calls("30001"), p, got)
	if got.Outcome == messages.OutcomeCancelled {
		t.Errorf("the gateway had said 0, and the result is %+v", got)
	}
}

// TestForgottenDeliveryIsCancelled: NATS is killed and forgets a delivery, and the command is withdrawn during its call.
func TestForgottenDeliveryIsCancelled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ackWait(20 * time.Second)
	long := func(c *worker.Config) { c.Concurrency, c.CallTimeout = 1, 19*time.Second }
	release := r.sim.Hold()
	defer release()
	r.start(r.asB(long))
	r.send(order("y", "30002"))
	r.must(r.sim.AwaitInFlight(r.ctx, 1))
	time.Sleep(1500 * time.Millisecond)
	obs := filepath.Join(r.dir, "jetstream", "$G", "streams", "FORCELOGOUT_COMMANDS", "obs", "forcelogout-default", "o.dat")
	old, err := os.ReadFile(obs)
	r.must(err)
	r.start(long)
	r.send(order("x", "30001"))
	r.must(r.sim.AwaitInFlight(r.ctx, 2))
	addr := r.natsAddr()
	r.stopNATS()
	r.must(os.WriteFile(obs, old, 0o600))
	r.startNATS(addr)
	r.until("connected", func() bool { return r.nc.IsConnected() })
	time.Sleep(700 * time.Millisecond)
	t.Logf("delivered %+v", r.consumer().Delivered)
	for range 6 {
		r.cancelAside("x")
		time.Sleep(300 * time.Millisecond)
		if r.streamState("RESULTS").Msgs > 0 {
			break
		}
	}
	release()
	got := r.awaitOne("x")
	r.until("the call ends", func() bool { return len(r.sim.CallsTo("30001", sim.OpForceLogout)) > 0 })
	time.Sleep(200 * time.Millisecond)
	if got.Outcome == messages.OutcomeCancelled && !r.sim.Agent("30001").SignedIn {
		t.Errorf("the agent was signed out by our call, and the result is %+v", got)
	}
	t.Logf("%+v", got)
}

// TestSignedOutAndExpired: what the gateway said in time counts, though the effect shows late.
func TestSignedOutAndExpired(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{EffectDelay: 7 * time.Second})
	r.sim.GiveSession(inspector, guid)
	r.start(func(c *worker.Config) {
		c.Confirm = true
		c.Retry = worker.Retry{MaxAttempts: 4, Initial: 4 * time.Second, Max: 4 * time.Second}
	})
	x := order("x", "30001")
	x.ExpiresAt = time.Now().Add(6500 * time.Millisecond)
	r.send(x)
	got := r.awaitOne("x")
	time.Sleep(time.Second)
	if got.Outcome != messages.OutcomeSignedOut {
		t.Errorf("agent %+v, result %+v", r.sim.Agent("30001"), got)
	}
}

// TestDrainTakesNothingBack: a worker that ends does not take again what it hands back.
func TestDrainTakesNothingBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.Plan("30001", sim.Answer{HTTPStatus: 503})
	r.sim.PlanState("30001", repeated(sim.Answer{HTTPStatus: 503}, 1000)...)
	w := r.start(func(c *worker.Config) {
		c.Concurrency = 64
		c.Retry = worker.Retry{MaxAttempts: 9, Initial: 1300 * time.Millisecond, Max: 1300 * time.Millisecond}
	})
	r.pulls(1)
	r.send(order("x", "30001"))
	r.until("called", func() bool { return r.calls("30001") > 0 })
	r.cancelAside("x")
	r.until("asked", func() bool { return r.stateQueries("30001") > 0 })
	time.Sleep(100 * time.Millisecond)
	before, notes, begin := r.delivered(), r.streamState("PARKED").LastSeq, time.Now()
	w.stop()
	n := r.delivered() - before
	t.Logf("%d deliveries, %d notes while it drained for %v", n, r.streamState("PARKED").LastSeq-notes, time.Since(begin))
	if n > 5 {
		t.Error("bounces")
	}
	r.sim.PlanState("30001")
	r.start(nil)
	t.Logf("%+v", r.awaitOne("x"))
}
