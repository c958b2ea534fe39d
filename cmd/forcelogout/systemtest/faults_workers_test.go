package systemtest

import (
	"syscall"
	"testing"

	"github.com/forcelogout/forcelogout/messages"
)

// TestFaultsKilled: workers are killed at random moments and others take over.
func TestFaultsKilled(t *testing.T) {
	t.Parallel()
	f := newFaults(t)
	f.lost = true
	for range 3 {
		f.hire(f.nats, f.gateway)
	}
	f.send(2000)
	for range 6 {
		f.some()
		f.fire(syscall.SIGKILL)
		f.cancel(10)
		f.hire(f.nats, f.gateway)
	}
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected)
}

// TestFaultsRolling: workers are replaced one after the other. Nothing is called
// twice, nothing is even redelivered.
func TestFaultsRolling(t *testing.T) {
	t.Parallel()
	f := newFaults(t)
	for range 2 {
		f.hire(f.nats, f.gateway)
	}
	f.send(2000)
	for range 6 {
		f.some()
		f.hire(f.nats, f.gateway)
		f.fire(syscall.SIGTERM)
		f.cancel(10)
	}
	found := f.check()
	f.none(found, messages.OutcomeFailed, messages.OutcomeRejected, messages.OutcomeAlreadySignedOut)
	for id, r := range found {
		if r.Redelivered {
			t.Errorf("%s: %+v", id, r)
		}
	}
}

// TestFaultsStopped: a worker stands still in the middle of its calls, others end
// its commands, and it wakes up.
func TestFaultsStopped(t *testing.T) {
	t.Parallel()
	f := newFaults(t)
	f.lost = true
	for range 2 {
		f.hire(f.nats, f.gateway)
	}
	f.send(1000)
	for range 2 {
		f.some()
		sleeper := f.crew[f.rand.IntN(len(f.crew))]
		f.must(sleeper.Process.Signal(syscall.SIGSTOP))
		f.cancel(10)
		f.awaitResults(len(f.orders))
		f.must(sleeper.Process.Signal(syscall.SIGCONT))
		f.send(500)
	}
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected)
}
