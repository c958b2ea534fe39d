//go:build unix

package worker_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/worker"
)

// TestStoppedProcess: a process that was stopped wakes up with deliveries that are old.
// They are their next holders', also when NATS answers again.
func TestStoppedProcess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ackWait(4 * time.Second)
	release := r.sim.Hold()
	sleeper := r.startProcess()
	r.pulls(1)
	r.must(sleeper.Signal(syscall.SIGSTOP))
	const commands = 80 // fewer than it has asked for
	r.send(crew(0, commands)...)
	r.within(time.Second, func() bool { return r.consumer().NumAckPending == commands })
	r.start(r.asB(func(c *worker.Config) { c.Concurrency, c.CallTimeout = 128, 3900*time.Millisecond }))
	r.must(r.sim.AwaitInFlight(r.ctx, commands/2)) // b has them after AckWait
	r.must(sleeper.Signal(syscall.SIGCONT))
	r.within(time.Second, func() bool { return r.by("000-007")[inspector] > 0 })
	release()
	r.await(commands)
	for i := 0; i < commands && !t.Failed(); i++ {
		r.notAfter(inspector, agentNo(i), inspectorOfB)
	}
}
