package worker_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/session"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// TestSessionsThatDoNotLast: a gateway that loses each session at once is not
// stormed with sign-ins.
func TestSessionsThatDoNotLast(t *testing.T) {
	t.Parallel()
	clock := newTurned(2 * time.Minute)
	r := newRigWith(t, sim.Config{})
	for range 50 {
		r.sim.PlanSession(inspector, sim.OpPoll, sim.Answer{Retcode: "100-006"})
		r.sim.PlanSession(inspector, sim.OpOwnState, sim.Answer{Retcode: "100-006"})
		r.sim.PlanSession(inspector, sim.OpSignIn, sim.Answer{Retcode: "0", Header: http.Header{"Guid": {guid}}})
	}
	r.start(keeps("w", func(c *worker.Config) { c.Session.Wait = clock.wait }))
	select {
	case <-clock.reached:
	case <-r.ctx.Done():
		t.Fatal("two minutes did not pass")
	}
	if n := r.signIns(); n < 3 || n > 12 {
		t.Errorf("%d sign-ins in two minutes", n)
	}
}

// TestSharedGUIDTakenUp: another worker shares a GUID that one of its calls brought.
// The keeper uses it, too, when the old one has timed out.
func TestSharedGUIDTakenUp(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{GUIDTimeout: time.Second, PollWait: 100 * time.Millisecond})
	w := r.start(keeps("w"))
	r.ready(w)
	r.must(r.sim.AwaitPoll(r.ctx, inspector))
	req, err := http.NewRequestWithContext(r.ctx, http.MethodPut, r.url+"/agentgateway/resource/onlineagent/"+inspector+"/updateGuid", nil)
	r.must(err)
	req.Header.Set("Guid", r.sim.SessionGUID(inspector))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	r.must(err)
	r.must(resp.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	renewed := time.Now()
	kv, err := r.js.KeyValue(r.ctx, streams.NamesOf(prefix).Sessions)
	r.must(err)
	for err = jetstream.ErrKeyExists; err != nil; {
		entry, getErr := kv.Get(r.ctx, vcc+"."+inspector)
		r.must(getErr)
		record := map[string]any{}
		r.must(json.Unmarshal(entry.Value(), &record))
		record["guid"] = r.sim.SessionGUID(inspector)
		data, _ := json.Marshal(record)
		_, err = kv.Update(r.ctx, vcc+"."+inspector, data, entry.Revision())
	}
	_, err = r.sim.AwaitCall(r.ctx, func(c sim.Call) bool { return c.Op == sim.OpPoll && c.Start.After(renewed.Add(2*time.Second)) })
	r.must(err)
	r.send(crew(0, 6)...)
	r.allSignedOut(6)
	if r.signIns() != 1 || len(r.by("000-003")) != 0 {
		t.Errorf("%d sign-ins, refused %v", r.signIns(), r.by("000-003"))
	}
}

// cable is a TCP connection to the gateway that can be cut.
type cable struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (r *rig) cable() *cable {
	r.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	c := &cable{Listener: listener}
	var copying sync.WaitGroup
	copying.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
			if err != nil {
				_ = in.Close()
				return
			}
			c.mu.Lock()
			c.conns = append(c.conns, in, out)
			c.mu.Unlock()
			copying.Go(func() { _, _ = io.Copy(in, out); _ = in.Close() })
			copying.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
		}
	})
	r.Cleanup(func() { c.cut(); copying.Wait() })
	return c
}

func (c *cable) cut() {
	_ = c.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// TestKeeperCutOffFromGateway: the keeper reaches NATS and not the gateway. Another
// keeps the session then, and nobody evicts anybody.
func TestKeeperCutOffFromGateway(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{SessionTimeout: 10 * time.Second, PollWait: 200 * time.Millisecond})
	c := r.cable()
	gw, err := gateway.NewClient(gateway.Options{URL: "http://" + c.Addr().String()})
	r.must(err)
	r.Cleanup(gw.Close)
	soon := func(c *worker.Config) { c.Session.CutOff = 2 * time.Second }
	a := r.start(keeps("a", soon, func(c *worker.Config) { c.Gateway = gw }))
	r.ready(a)
	b := r.start(keeps("b", soon))
	r.ready(b)
	c.cut()
	for record, _ := r.shelf(); record.Keeper != "b"; record, _ = r.shelf() {
		if r.ctx.Err() != nil {
			t.Fatalf("%s keeps the session", record.Keeper)
		}
		r.tick()
	}
	a.stop()
	r.send(crew(0, 10)...)
	r.allSignedOut(10)
	if r.signIns() != 1 || r.ops(sim.OpForceSignIn) != 0 {
		t.Errorf("%d sign-ins", r.signIns())
	}
	r.onePoller()
}

// TestOwnStateUnknown: a release that does not know the question for the own state.
// Polls answer it, for all workers, and nobody is stormed.
func TestOwnStateUnknown(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{PollWait: 500 * time.Millisecond})
	for range 2000 {
		r.sim.PlanSession(inspector, sim.OpOwnState, sim.Answer{HTTPStatus: http.StatusNotFound})
	}
	a, b := r.start(keeps("a")), r.start(keeps("b"))
	r.ready(a, b)
	orders := crew(0, 40)
	for _, c := range orders {
		r.sim.Plan(c.WorkNo, sim.Answer{Retcode: "000-003"})
	}
	r.send(orders...)
	r.allSignedOut(40)
	if n := r.ops(sim.OpOwnState); n > 100 {
		t.Errorf("%d questions for the own state", n)
	}
}

// TestRotatedWithoutNATS: the GUID rotates while NATS is away for longer than the
// lease. It is not lost.
func TestRotatedWithoutNATS(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{Rotate: true, OldGUIDServes: true, GUIDInterval: time.Nanosecond, GUIDTimeout: 3 * time.Second, PollWait: 20 * time.Millisecond})
	w := r.start(keeps("w", func(c *worker.Config) { c.Session.Lease = 2 * time.Second }))
	r.ready(w)
	before := r.sim.SessionGUID(inspector)
	addr := r.natsAddr()
	r.stopNATS()
	for r.sim.SessionGUID(inspector) == before {
		r.tick()
	}
	away := time.Now()
	for time.Since(away) < 4*time.Second { // both, the lease and the old GUID, are over then
		r.tick()
	}
	r.startNATS(addr)
	r.send(crew(0, 5)...)
	r.allSignedOut(5)
	if n := r.signIns(); n != 1 {
		t.Errorf("%d sign-ins", n)
	}
}

// TestAllSessionsGone: the gateway forgets the sessions of many inspectors. A
// command goes from one to the next, waits for the renewal, and does not fail.
func TestAllSessionsGone(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, sim.Config{})
	var accounts []session.Account
	for i := range 6 {
		no := strconv.Itoa(1001 + i)
		r.sim.SetAccount(no, sim.Account{Password: password})
		accounts = append(accounts, session.Account{Inspector: no, Password: password})
	}
	w := r.start(keeps("w", func(c *worker.Config) { c.Inspectors = accounts }))
	for w.Gauges().Usable < len(accounts) {
		r.tick()
	}
	for _, a := range accounts {
		r.must(r.sim.AwaitPoll(r.ctx, a.Inspector))
		r.sim.PlanSession(a.Inspector, sim.OpSignIn, sim.Answer{Retcode: "100-003"})
		// What waits for an event now would tell at once.
		r.sim.EndSession(a.Inspector)
	}
	r.send(crew(0, 3)...)
	r.allSignedOut(3)
}

// TestNoReplyUnadmitted: a command that only expires, or is withdrawn, is not
// answered on a subject that is not allowed either.
func TestNoReplyUnadmitted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	secret, err := r.nc.SubscribeSync("orders.secret")
	r.must(err)
	r.start(func(c *worker.Config) { c.Inspectors = []session.Account{{Inspector: inspector, Shared: true}} })
	late := order("late", "30001")
	late.ReplyTo, late.ExpiresAt = "orders.secret", time.Now().Add(200*time.Millisecond)
	r.publish(nats.Header{jetstream.MsgIDHeader: {"late"}}, encoded(t, late))
	other := order("other", "30002")
	other.ExpiresAt = late.ExpiresAt
	r.send(other)
	r.awaitOne("other") // of the same look at the stream
	if m, err := secret.NextMsg(10 * time.Millisecond); err == nil {
		t.Errorf("replied %s", m.Data)
	}
	// With a session it is taken up, and rejected.
	kv, err := r.js.KeyValue(r.ctx, streams.NamesOf(prefix).Sessions)
	r.must(err)
	_, err = kv.PutString(r.ctx, vcc+"."+inspector, guid)
	r.must(err)
	if got := r.awaitOne("late"); got.Outcome != messages.OutcomeRejected {
		t.Errorf("result %+v", got)
	}
}
