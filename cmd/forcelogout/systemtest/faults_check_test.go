package systemtest

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/messages/schematest"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// check waits until every command has ended and holds all that is promised against
// what the streams and the gateway have recorded. It returns the results by id.
func (f *faults) check() map[string]messages.Result {
	f.Helper()
	f.awaitResults(len(f.orders))
	f.checkNothingPending()
	found := map[string]messages.Result{}
	contract, err := schematest.New()
	f.must(err)
	stream, err := f.js.Stream(f.ctx, messages.DefaultPrefix.Stream("RESULTS"))
	f.must(err)
	state := stream.CachedInfo().State
	calls := map[string][]sim.Call{} // by agent
	for _, call := range f.sim.Calls() {
		if call.Op == sim.OpForceLogout {
			calls[call.WorkNo] = append(calls[call.WorkNo], call)
		}
	}
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		msg, err := stream.GetMsg(f.ctx, seq)
		f.must(err)
		f.must(contract.Message(msg.Subject, msg.Header, msg.Data))
		r, err := messages.DecodeResult(msg.Data)
		f.must(err)
		order, known := f.orders[r.ID]
		if _, twice := found[r.ID]; twice || !known || order.WorkNo != r.WorkNo {
			f.Errorf("a result too many: %+v", r)
		}
		found[r.ID] = r
		f.checkCallsOf(order, r, calls[r.WorkNo], msg.Time)
	}
	if len(found) != len(f.orders) {
		f.Errorf("%d commands have a result, want %d", len(found), len(f.orders))
	}
	f.logOutcomes(found)
	return found
}

// checkNothingPending: every command is acknowledged.
func (f *faults) checkNothingPending() {
	f.Helper()
	for f.stored("COMMANDS") != 0 {
		if f.ctx.Err() != nil {
			f.Fatalf("%d commands are left in the stream; workers:\n%s", f.stored("COMMANDS"), f.lastWords())
		}
		f.tick()
	}
	consumer, err := f.js.Consumer(f.ctx, streams.NamesOf(messages.DefaultPrefix).Commands, messages.DefaultPrefix.Consumer(messages.DefaultVCC))
	f.must(err)
	for info := (*jetstream.ConsumerInfo)(nil); info == nil || info.NumPending+uint64(info.NumAckPending) > 0; f.tick() {
		if info, err = consumer.Info(f.ctx); err != nil {
			f.Fatalf("the consumer has something pending: %+v, %v", info, err)
		}
	}
}

// checkCallsOf holds the gateway's record of an agent against their command's result.
func (f *faults) checkCallsOf(order messages.Command, r messages.Result, calls []sim.Call, stored time.Time) {
	f.Helper()
	succeeded := 0
	for i, call := range calls {
		if i > 0 && overlap(calls[i-1], call) {
			f.Errorf("%s: a call at %v, the one before it ended at %v: %+v", r.ID, call.Start, calls[i-1].End, r)
		}
		if !order.ExpiresAt.IsZero() && call.Start.After(order.ExpiresAt.Add(simLate)) {
			f.Errorf("%s: a call at %v, it expired at %v", r.ID, call.Start, order.ExpiresAt)
		}
		if call.Start.After(stored) {
			f.Errorf("%s: a call at %v, its result %s was stored at %v", r.ID, call.Start, r.Outcome, stored)
		}
		if call.Retcode == "0" || call.Effect {
			succeeded++
		}
	}
	if succeeded > 1 && !f.lost {
		f.Errorf("%s: signed out %d times, and no worker was lost: %+v", r.ID, succeeded, r)
	}
	if len(calls) > 1 && len(calls) > r.Attempts && !r.Redelivered {
		f.Errorf("%s: called %d times, and not flagged: %+v", r.ID, len(calls), r)
	}
	if succeeded > 0 && r.Outcome == messages.OutcomeCancelled && !f.lost {
		f.Errorf("%s: signed out and withdrawn: %+v", r.ID, r)
	}
	if r.Outcome == messages.OutcomeSignedOut && succeeded == 0 {
		f.Errorf("%s: the gateway knows nothing of %+v", r.ID, r)
	}
	// On an overloaded machine a call may be given up before the gateway has read it.
	late := r.FinishedAt.Sub(r.StartedAt) >= callTimeout
	if r.Attempts > len(calls) && !f.lost && !late {
		f.Errorf("%s: the gateway saw %d calls of %+v", r.ID, len(calls), r)
	}
}

// overlap reports whether a call began before the one before it had ended: two
// workers called for one agent at a time. Of a caller that goes away the gateway
// learns late.
func overlap(before, call sim.Call) bool {
	end := before.End
	if before.Abandoned {
		end = end.Add(-simLate)
	}
	return call.Start.Before(end)
}

func (f *faults) logOutcomes(found map[string]messages.Result) {
	counts := map[messages.Outcome]int{}
	redelivered := 0
	for _, r := range found {
		counts[r.Outcome]++
		if r.Redelivered {
			redelivered++
		}
	}
	f.Logf("%d commands: %v, %d redelivered, %d calls", len(found), counts, redelivered, len(f.sim.Calls()))
}

// none makes sure that no command ended in any of these ways.
func (f *faults) none(found map[string]messages.Result, outcomes ...messages.Outcome) {
	f.Helper()
	for _, r := range found {
		for _, o := range outcomes {
			if r.Outcome == o {
				f.Errorf("%s: %+v", r.ID, r)
			}
		}
	}
}
