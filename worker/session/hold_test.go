package session

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/retcode"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// polled waits for so many more polls that the gateway has accepted.
func (r *rig) polled(more int) {
	r.Helper()
	want := r.count("0", sim.OpPoll) + more
	r.until("polls", func() bool { return r.count("0", sim.OpPoll) >= want })
}

// TestStray: a node that does not know the session refuses polls, calls and questions,
// once or twice. The session stays, whatever has met it.
func TestStray(t *testing.T) {
	t.Parallel()
	for strays := 1; strays <= 2; strays++ {
		r := newRig(t, sim.Config{PollWait: 100 * time.Millisecond})
		p := r.start("a")
		r.ready(p)
		r.polled(2)
		session := r.sim.SessionGUID(inspectorNo)
		for i := range 6 {
			r.sim.Stray(inspectorNo, strays)
			if i%2 == 0 {
				r.polled(2)
			}
			r.until("a call", func() bool { return r.call(p, "30001") == "0" || r.call(p, "30002") == "900-003" })
			r.sim.SetAgent("30001", sim.Agent{SignedIn: true})
			r.polled(2) // what is left of these strays must not add to the next
		}
		if r.signIns("") != 1 || r.sim.SessionGUID(inspectorNo) != session {
			t.Errorf("%d strays: %d sign-ins", strays, r.signIns(""))
		}
	}
}

// TestStrayNow: every fifth call goes astray, for ever. The session is never lost.
func TestStrayNow(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{PollWait: 20 * time.Millisecond, StrayEvery: 5})
	p := r.start("a")
	r.ready(p)
	r.polled(10)
	if n := r.signIns(""); n != 1 {
		t.Errorf("%d sign-ins", n)
	}
	r.ready(p)
}

// TestFormer: the session is taken for lost by a mistake. The sign-in says that
// somebody is signed in, and that is us.
func TestFormer(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{PollWait: 100 * time.Millisecond})
	p := r.start("a")
	r.ready(p)
	r.polled(1)
	session := r.sim.SessionGUID(inspectorNo)
	r.sim.Stray(inspectorNo, 3) // a poll and both questions
	r.until("a new sign-in", func() bool { return r.signIns("") > 1 })
	r.ready(p)
	r.polled(2)
	if r.sim.SessionGUID(inspectorNo) != session || r.signIns("100-002") != 1 || r.signIns("") != 2 {
		t.Errorf("%d sign-ins, %d refused", r.signIns(""), r.signIns("100-002"))
	}
}

// TestSignOutFails: the sign-out at the shutdown does not work. The next worker goes on
// with the session that is left.
func TestSignOutFails(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]sim.Answer{"refused": {Retcode: "100-007"}, "lost": {Fault: sim.FaultReset}} {
		r := newRig(t, sim.Config{PollWait: 100 * time.Millisecond})
		p := r.start("a")
		r.ready(p)
		session := r.sim.SessionGUID(inspectorNo)
		r.sim.PlanSession(inspectorNo, sim.OpSignOut, answer)
		p.stop()
		p = r.start("b")
		r.ready(p)
		r.polled(1)
		if r.sim.SessionGUID(inspectorNo) != session {
			t.Errorf("%s: another session, %d sign-ins", name, r.signIns(""))
		}
	}
}

// TestRecordDeleted: somebody deletes or purges the key, or the whole bucket, while a
// keeper holds a live session. It goes on, in this worker and the other.
func TestRecordDeleted(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*rig) error{
		"delete": func(r *rig) error { return r.kv.Delete(r.ctx, recordKey) },
		"purge":  func(r *rig) error { return r.kv.Purge(r.ctx, recordKey) },
		"bucket": func(r *rig) error {
			if err := r.js.DeleteKeyValue(r.ctx, r.kv.Bucket()); err != nil {
				return err
			}
			_, err := streams.Setup(r.ctx, r.js, streams.Plan{Prefix: messages.DefaultPrefix})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{PollWait: 100 * time.Millisecond})
			a, b := r.start("a"), r.start("b")
			r.ready(a, b)
			r.polled(1)
			session := r.sim.SessionGUID(inspectorNo)
			r.must(remove(r))
			r.until("the record is back", func() bool {
				entry, err := r.kv.Get(r.ctx, recordKey)
				return err == nil && strings.Contains(string(entry.Value()), session)
			})
			r.polled(5)
			r.ready(a, b)
			a.stop()
			r.polled(2)
			if r.sim.SessionGUID(inspectorNo) != session || r.signIns("") != 1 {
				t.Errorf("%d sign-ins", r.signIns(""))
			}
		})
	}
}

// TestRecordOfAnother: while a keeper holds a live session, another makes the record
// anew without it, as after a deletion. The session reaches it.
func TestRecordOfAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{PollWait: 100 * time.Millisecond})
	p := r.start("a", func(c *Config, _ *Account) { c.Lease = 4 * time.Second })
	r.ready(p)
	r.polled(1)
	session := r.sim.SessionGUID(inspectorNo)
	r.write(`{"guid":"","keeper":"ghost","lease":"x"}`)
	r.until("the session is left", func() bool { return r.record().Former == session })
	r.ready(p) // when the ghost's lease has ended
	r.polled(1)
	if r.sim.SessionGUID(inspectorNo) != session || r.signIns("0") != 1 {
		t.Errorf("%d sign-ins, %d that worked", r.signIns(""), r.signIns("0"))
	}
}

// TestRecovery: codes that say sign in again do so from polls alone, from calls alone,
// and from all; those of a recovery that goes on do not.
func TestRecovery(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"105-001", "105-005", "105-006", "105-007"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{PollWait: 100 * time.Millisecond})
			a, b := r.start("a"), r.start("b")
			r.ready(a, b)
			r.polled(1)
			r.sim.SetRecovery(code, true)
			session := r.sim.SessionGUID(inspectorNo)
			// The old one occupies the inspector until it ends by itself.
			r.until("doubt", func() bool { return r.signIns("100-002") > 0 })
			r.sim.EndSession(inspectorNo)
			r.until("a new session", func() bool { return r.signIns("0") == 2 })
			r.ready(a, b)
			if r.sim.SessionGUID(inspectorNo) == session {
				t.Error("the same session")
			}
		})
	}
	t.Run("polls only", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, sim.Config{PollWait: 100 * time.Millisecond})
		p := r.start("a")
		r.ready(p)
		r.polled(1)
		r.sim.PlanSession(inspectorNo, sim.OpPoll, sixTimes("105-007")...)
		r.until("a new session", func() bool { return r.signIns("0") == 2 })
		r.ready(p)
		if n := r.count("", sim.OpForceSignIn); n != 0 {
			t.Errorf("%d forced sign-ins", n)
		}
	})
	t.Run("going on", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, sim.Config{PollWait: 100 * time.Millisecond})
		p := r.start("a")
		r.ready(p)
		r.polled(1)
		r.sim.SetRecovery("105-002", false)
		r.until("polls", func() bool { return r.count("105-002", sim.OpPoll) > 3 })
		r.sim.SetRecovery("", false)
		r.polled(2)
		if n := r.signIns(""); n != 1 {
			t.Errorf("%d sign-ins", n)
		}
	})
	t.Run("by setting", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, sim.Config{PollWait: 100 * time.Millisecond})
		table, err := retcode.New(map[string]retcode.Class{"777-001": retcode.Session})
		r.must(err)
		p := r.start("a", func(c *Config, a *Account) { c.Retcodes, a.Force = table, true })
		r.ready(p)
		r.polled(1)
		r.sim.PlanSession(inspectorNo, sim.OpPoll, sixTimes("777-001")...)
		r.until("a new session", func() bool { return r.signIns("0") == 2 })
	})
}

// sixTimes refuses a session's polls three times, and once more when it is tried again
// as the former one.
func sixTimes(retcode string) []sim.Answer {
	answers := make([]sim.Answer, 6)
	for i := range answers {
		answers[i].Retcode = retcode
	}
	return answers
}

// TestLiteralAuthMode: with AUTHMODE 2 read literally nothing but the first poll takes
// the sign-in's GUID, and it is held for long. What is refused until then waits; the
// poll is not cancelled for it, and there is one sign-in.
func TestLiteralAuthMode(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{Rotate: true, PollWait: 4 * time.Second, GUIDInterval: 500 * time.Millisecond})
	a, b := r.start("a"), r.start("b")
	r.ready(a, b)
	for _, p := range []running{a, b} {
		got := r.call(p, "30001")
		_, err := p.Take(Stop{}, Wish{})
		if early := r.count("0", sim.OpPoll) == 0; early && (got != "000-003" || err != ErrPending) {
			t.Fatalf("the first call got %s, then Take says %v", got, err)
		}
	}
	r.ready(a, b)
	agent := 30001
	for range 2 { // over some rotations, each of which makes the GUID before useless
		for _, p := range []running{a, b} {
			agent++
			r.until("a call", func() bool { return r.call(p, strconv.Itoa(agent)) == "0" })
		}
		r.polled(1)
	}
	for _, call := range r.sim.Calls() {
		if call.Op == sim.OpPoll && call.Abandoned {
			t.Errorf("a poll was cancelled: %+v", call)
		}
	}
	if n := r.signIns(""); n != 1 {
		t.Errorf("%d sign-ins", n)
	}
}

// TestPush: a gateway that pushes its events refuses polls. That is said, and the
// session kept by heartbeats.
func TestPush(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{Push: true})
	p := r.start("a")
	r.says(p, "000-001")
	r.until("a heartbeat", func() bool { return r.count("0", sim.OpHandshake) > 0 })
	if usable, _ := p.Ready(); !usable || r.call(p, "30001") != "0" {
		t.Error("the session is not used")
	}
}

// TestPollHangs: a poll gets no answer in its time. The gateway answers other
// questions, so this worker is not cut off, and polls again.
func TestPollHangs(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{PollWait: 50 * time.Millisecond})
	p := r.start("a", func(c *Config, _ *Account) { c.PollTime, c.CutOff = 300*time.Millisecond, 200*time.Millisecond })
	r.ready(p)
	for range 3 {
		r.sim.PlanSession(inspectorNo, sim.OpPoll, sim.Answer{Fault: sim.FaultHang})
		r.polled(3)
	}
	if r.signIns("") != 1 || r.logged("another worker may keep the session") != 0 {
		t.Errorf("%d sign-ins, cut off %d times", r.signIns(""), r.logged("another worker may keep the session"))
	}
}

// TestCutOff: the keeper alone gets no answers any more. Another goes on with the
// session before the gateway ends it.
func TestCutOff(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{PollWait: 50 * time.Millisecond, SessionTimeout: 20 * time.Second})
	nobody, err := sim.Listen(sim.New(sim.Config{}), "127.0.0.1:0", false)
	r.must(err)
	r.must(nobody.Close())
	good := r.gw
	way, err := sim.Listen(r.sim, "127.0.0.1:0", false)
	r.must(err)
	r.gw = way.URL
	brief := func(c *Config, _ *Account) { c.PollTime, c.CutOff = time.Second, 500*time.Millisecond }
	a := r.start("a", brief)
	r.ready(a)
	r.gw = good
	b := r.start("b", brief)
	r.ready(b)
	session := r.sim.SessionGUID(inspectorNo)
	r.must(way.Close())
	r.until("another keeper", func() bool { return r.record().Keeper == "b" })
	r.polled(2)
	if r.sim.SessionGUID(inspectorNo) != session || r.signIns("") != 1 {
		t.Errorf("%d sign-ins", r.signIns(""))
	}
}

// rotated is a poll's answer with another GUID, which takes its time.
func rotated(guid string) sim.Answer {
	return sim.Answer{
		HTTPStatus: http.StatusOK, Body: []byte(`{"message":"","retcode":"0"}`), Delay: 500 * time.Millisecond,
		Header: http.Header{"Set-Guid": {"JSESSIONID=" + guid}, "Set-Cookie": {"route=n2; Path=/", "more=1"}},
	}
}

func encodedRecord(t *testing.T, r record) string {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// sawPoll reports whether the gateway has seen a poll with a GUID.
func (r *rig) sawPoll(guid string) bool {
	for _, call := range r.sim.Calls() {
		if call.Op == sim.OpPoll && call.GUID == guid {
			return true
		}
	}
	return false
}

// TestNewerStays: while a poll is under way that brings a GUID, another worker shares a
// newer one, or takes the lease. Nothing is overwritten, and nothing kept back.
func TestNewerStays(t *testing.T) {
	t.Parallel()
	const byPoll, byCall = "33333333-2222-4333-8444-555555555555.AgentGateway3", "44444444-2222-4333-8444-555555555555.AgentGateway4"
	begin := func(t *testing.T) (*rig, record) {
		r := newRig(t, sim.Config{PollWait: 50 * time.Millisecond, Sticky: true})
		p := r.start("a", func(c *Config, _ *Account) { c.Lease = 20 * time.Second })
		r.ready(p)
		r.polled(1)
		polls := r.count("", sim.OpPoll)
		r.sim.PlanSession(inspectorNo, sim.OpPoll, rotated(byPoll))
		r.until("no other poll", func() bool { return r.count("", sim.OpPoll) > polls })
		time.Sleep(gateway.PollPause)
		return r, r.record()
	}
	t.Run("shared", func(t *testing.T) {
		t.Parallel()
		r, now := begin(t)
		now.GUID = byCall
		r.write(encodedRecord(t, now))
		r.until("the poll's end", func() bool { return r.sawPoll(byCall) })
		if got := r.record().GUID; got != byCall {
			t.Errorf("the record has %s", got)
		}
	})
	t.Run("lease lost", func(t *testing.T) {
		t.Parallel()
		r, now := begin(t)
		now.Keeper, now.Lease = "ghost", "x"
		r.write(encodedRecord(t, now))
		r.until("the GUID is shared", func() bool { return r.record().GUID == byPoll })
		if got := r.record(); got.Lease != "x" || !strings.Contains(got.Cookie, "route=n2") || !strings.Contains(got.Cookie, "more=1") {
			t.Errorf("the record has %+v", got)
		}
	})
}

// TestOwnRenewal: what a call of the keeper's own worker has renewed is not set back by
// the record, which learns of it later or never.
func TestOwnRenewal(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{PollWait: 50 * time.Millisecond, OldGUIDServes: true})
	p := r.start("a")
	r.ready(p)
	r.polled(1)
	old := r.record().GUID
	use, err := p.Take(Stop{}, Wish{})
	r.must(err)
	next := r.updateGUID(old)
	use.in.renew(use.Session, next) // and the record is not written, as where NATS is away
	use.Done(Report{})
	polls := len(r.sim.Calls())
	r.polled(3)
	for _, call := range r.sim.Calls()[polls+1:] { // one may have been under way
		if call.Op == sim.OpPoll && call.GUID == old {
			t.Errorf("set back: %+v", call)
		}
	}
	r.until("the record has it", func() bool { return r.record().GUID == next })
}

// updateGUID lets the gateway renew a GUID.
func (r *rig) updateGUID(guid string) string {
	r.Helper()
	req, err := http.NewRequestWithContext(r.ctx, http.MethodPut, r.gw+"/agentgateway/resource/onlineagent/"+inspectorNo+"/updateGuid", http.NoBody)
	r.must(err)
	req.Header.Set("Guid", guid)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	r.must(err)
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	var said struct{ Result struct{ GUID string } }
	r.must(json.NewDecoder(resp.Body).Decode(&said))
	return said.Result.GUID
}

// TestTakeover: the record says since when its keeper is silent, and the gateway
// whether its session is good: a worker that starts waits for neither.
func TestTakeover(t *testing.T) {
	t.Parallel()
	const lease = 4 * time.Second
	long := func(c *Config, _ *Account) { c.Lease = lease }
	left := func(t *testing.T) *rig {
		r := newRig(t, sim.Config{PollWait: 50 * time.Millisecond})
		r.sim.GiveSession(inspectorNo, otherGUID)
		r.write(`{"guid":"` + otherGUID + `","keeper":"dead","lease":"x"}`)
		return r
	}
	t.Run("session used", func(t *testing.T) {
		t.Parallel()
		r := left(t)
		p := r.start("a", long)
		r.until("usable", func() bool { usable, _ := p.Ready(); return usable })
		if r.record().Keeper != "dead" || r.call(p, "30001") != "0" {
			t.Error("the session waited for a keeper")
		}
	})
	t.Run("long silent", func(t *testing.T) {
		t.Parallel()
		r := left(t)
		time.Sleep(lease)
		began := time.Now()
		r.start("a", long)
		r.until("the keeper", func() bool { return r.record().Keeper == "a" })
		if took := time.Since(began); took > lease/2 {
			t.Errorf("taken over after %v", took)
		}
	})
	t.Run("not before", func(t *testing.T) {
		t.Parallel()
		r := left(t)
		written := time.Now()
		r.start("a", long)
		r.until("the keeper", func() bool { return r.record().Keeper == "a" })
		if took := time.Since(written); took < lease-100*time.Millisecond {
			t.Errorf("taken over after %v", took)
		}
	})
}

// TestRotationLost: the answer to the poll that rotates is lost, and the old GUID is
// refused at once. The session that is left is the worker's own and no person's.
func TestRotationLost(t *testing.T) {
	t.Parallel()
	clock := newSwift(20)
	r := newRig(t, sim.Config{Now: clock.Now, Rotate: true, PollWait: 50 * time.Millisecond, GUIDInterval: time.Millisecond})
	p := r.start("a", clock.use)
	r.ready(p)
	r.polled(2)
	session := r.sim.SessionGUID(inspectorNo)
	r.sim.PlanSession(inspectorNo, sim.OpPoll, sim.Answer{Fault: sim.FaultAnswerLost})
	r.until("100-002", func() bool { return r.signIns("100-002") > 0 })
	r.says(p, "whose answer was lost")
	r.ready(p)
	if n := r.logged("somebody else is signed in"); n > 0 || r.sim.SessionGUID(inspectorNo) == session {
		t.Errorf("a person was blamed %d times", n)
	}
}
