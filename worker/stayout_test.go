package worker_test

import (
	"slices"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// staying is a command whose agent is looked at again after ten seconds, the least there is.
func staying(id, workNo string) messages.Command {
	c := order(id, workNo)
	c.StayOut = messages.Duration(10 * time.Second)
	return c
}

// noted waits until it is noted of a command that its agent is signed out.
func (r *rig) noted(id string) {
	r.Helper()
	stream, err := r.js.Stream(r.ctx, prefix.Stream("PARKED"))
	r.must(err)
	for r.ctx.Err() == nil {
		msg, err := stream.GetLastMsgForSubject(r.ctx, prefix.Parked(vcc, id))
		if err == nil {
			if p, err := messages.DecodeParked(msg.Data); err == nil && p.Out != nil {
				return
			}
		}
		r.tick()
	}
	r.Fatal("no note of the sign-out")
}

// TestStayOut: the one result comes after one more look, which finds who is back, and tells
// the time of the sign-out. A command may have expired by then.
func TestStayOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.SetAgent("30001", sim.Agent{SignedIn: true, Returns: 3 * time.Second})
	r.sim.SetAgent("30002", sim.Agent{SignedIn: true})
	r.sim.SetAgent("30003", sim.Agent{})
	r.sim.SetAgent("30004", sim.Agent{SignedIn: true, Returns: 3 * time.Second})
	r.sim.Plan("30003", sim.Answer{Retcode: "900-003"})
	for range 4 { // as often as it is asked
		r.sim.PlanState("30004", sim.Answer{Retcode: "105-002"})
	}
	r.start(nil)
	commands := []messages.Command{staying("back", "30001"), staying("out", "30002"), staying("was out", "30003"), staying("unseen", "30004")}
	commands[2].ID = "was-out"
	for i := range commands {
		commands[i].ExpiresAt = time.Now().Add(6 * time.Second)
	}
	r.send(commands...)
	yes, no := true, false
	want := map[string]struct {
		outcome  messages.Outcome
		returned *bool
		calls    int
	}{
		"back": {messages.OutcomeSignedOut, &yes, 1}, "out": {messages.OutcomeSignedOut, &no, 1},
		"was-out": {messages.OutcomeAlreadySignedOut, &no, 1}, "unseen": {messages.OutcomeSignedOut, nil, 1},
	}
	for id, got := range r.await(len(commands)) {
		w := want[id]
		if got.Outcome != w.outcome || (got.Returned == nil) != (w.returned == nil) || got.Returned != nil && *got.Returned != *w.returned ||
			got.Attempts != w.calls || r.calls(got.WorkNo) != w.calls || got.Redelivered || got.Cause != "" || got.Inspector != inspector {
			t.Errorf("%d calls, result %+v", r.calls(got.WorkNo), got)
		}
		if late := got.FinishedAt.Sub(got.StartedAt); late > 6*time.Second {
			t.Errorf("%s: finished %v after its start, that is the look", id, late)
		}
		looks := r.sim.CallsTo(got.WorkNo, sim.OpAgentState)
		if last := looks[len(looks)-1].Start; last.Before(got.FinishedAt.Add(10 * time.Second)) {
			t.Errorf("%s: looked %v after the sign-out", id, last.Sub(got.FinishedAt))
		}
	}
	r.idle()
}

// TestStayOutSurvives: between the sign-out and the look the worker ends or is killed, NATS
// comes back, or the command is withdrawn. The agent, who is back, is not called for again,
// and nothing denies the sign-out.
func TestStayOutSurvives(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(*rig, func()){
		"another worker": func(r *rig, stop func()) { stop(); r.start(nil) },
		"NATS restarts": func(r *rig, _ func()) {
			addr := r.natsAddr()
			r.stopNATS()
			r.startNATS(addr)
		},
		"withdrawn": func(r *rig, _ func()) { r.cancel(client.Selection{IDs: []string{"a"}}) },
		"withdrawn, nobody there": func(r *rig, stop func()) {
			stop()
			var said []client.Withdrawal
			r.must(r.client.Cancel(r.ctx, vcc, client.Selection{IDs: []string{"a"}}, messages.Cancellation{At: time.Now()}, time.Second,
				func(w client.Withdrawal) { said = append(said, w) }))
			r.start(nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.sim.SetAgent("30001", sim.Agent{SignedIn: true, Returns: 2 * time.Second})
			w := r.start(nil)
			r.send(staying("a", "30001"))
			r.noted("a")
			meanwhile(r, w.stop)
			got := r.awaitOne("a")
			looked := got.Returned != nil && *got.Returned
			if got.Outcome != messages.OutcomeSignedOut || got.Cause != "" || r.calls("30001") != 1 ||
				looked == slices.Contains([]string{"withdrawn", "withdrawn, nobody there"}, name) {
				t.Errorf("%d calls, result %+v, returned %t", r.calls("30001"), got, looked)
			}
			r.idle()
		})
	}
}

// TestStayOutKilled: the worker is killed once the sign-out is noted.
func TestStayOutKilled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.SetAgent("30001", sim.Agent{SignedIn: true, Returns: 2 * time.Second})
	process := r.startProcess()
	r.send(staying("a", "30001"))
	r.noted("a")
	r.must(process.Kill())
	r.start(nil)
	got := r.awaitOne("a")
	if got.Outcome != messages.OutcomeSignedOut || got.Returned == nil || !*got.Returned || r.calls("30001") != 1 {
		t.Errorf("%d calls, result %+v", r.calls("30001"), got)
	}
}

// TestStayOutKilledAmongCalls: the worker is killed with some commands noted, some in a call
// and some not begun. Each agent is signed out by one call, and looked at once more.
func TestStayOutKilledAmongCalls(t *testing.T) {
	t.Parallel()
	const n = 30
	r := newRig(t)
	var commands []messages.Command
	for i := range n {
		r.sim.SetAgent(agentNo(i), sim.Agent{SignedIn: true})
		r.sim.Plan(agentNo(i), sim.Answer{Delay: time.Duration(i) * 20 * time.Millisecond})
		commands = append(commands, staying("id-"+agentNo(i), agentNo(i)))
	}
	process := r.startProcess()
	r.send(commands...)
	r.noted("id-" + agentNo(n/3))
	r.must(process.Kill())
	r.start(nil)
	for _, got := range r.await(n) {
		if !got.Outcome.Success() || got.Returned == nil || *got.Returned || r.calls(got.WorkNo) != 1 {
			t.Errorf("%d calls, result %+v", r.calls(got.WorkNo), got)
		}
	}
	r.idle()
}
