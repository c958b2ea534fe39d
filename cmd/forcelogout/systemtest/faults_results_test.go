package systemtest

import (
	"net/http"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// TestFaultsResultsFull: no result can be stored for a while. Calls stop, and no
// result is lost.
func TestFaultsResultsFull(t *testing.T) {
	t.Parallel()
	f := newCalmFaults(t)
	f.hire(f.nats, f.gateway)
	f.hire(f.nats, f.gateway)
	f.send(1000)
	f.some()
	stream, err := f.js.Stream(f.ctx, messages.DefaultPrefix.Stream("RESULTS"))
	f.must(err)
	open := stream.CachedInfo().Config
	full := open
	full.MaxBytes = 1
	f.resultsRefused(
		func() { _, err := f.js.UpdateStream(f.ctx, full); f.must(err) },
		func() { _, err := f.js.UpdateStream(f.ctx, open); f.must(err) },
	)
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected, messages.OutcomeAlreadySignedOut)
}

// TestFaultsResultsDeleted: the stream of results is deleted while calls are under way,
// and made again. Those calls' results are stored then, and no call is repeated.
func TestFaultsResultsDeleted(t *testing.T) {
	if underRace {
		t.Skip("so slow that calls time out, and end, before the stream is deleted: their results go with it")
	}
	t.Parallel()
	f := newCalmFaults(t)
	f.hire(f.nats, f.gateway)
	f.hire(f.nats, f.gateway)
	release := f.sim.Hold() // what was stored before would be gone
	f.send(500)
	f.must(f.sim.AwaitInFlight(f.ctx, 2*16))
	f.resultsRefused(
		func() { f.must(f.js.DeleteStream(f.ctx, messages.DefaultPrefix.Stream("RESULTS"))); release() },
		func() { _, err := streams.Setup(f.ctx, f.js, f.plan); f.must(err) },
	)
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected, messages.OutcomeAlreadySignedOut)
}

// resultsRefused lets no result be stored for a while. Readiness, the log and the
// metrics of each worker tell of it when it begins and when it ends, and say no more.
func (f *faults) resultsRefused(refuse, mend func()) {
	f.Helper()
	var histories []*health
	for _, p := range f.crew {
		histories = append(histories, f.follow(p))
	}
	refuse()
	for i, p := range f.crew {
		f.awaitLast(histories[i], http.StatusServiceUnavailable)
		p.log.AwaitText(f.T, f.ctx, "results cannot be stored")
	}
	f.pass(3 * time.Second) // time enough for a flood
	mend()
	for i, p := range f.crew {
		f.awaitLast(histories[i], http.StatusOK)
		p.log.AwaitText(f.T, f.ctx, "results are stored again")
	}
	f.awaitResults(len(f.orders))
	for i, p := range f.crew {
		f.cameAndWent(histories[i], "results") // they cannot be stored, or not be looked up
		f.checkTroubles(p)
	}
}
