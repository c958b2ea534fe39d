package systemtest

import (
	"context"
	"flag"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/embedded"
)

var soakTime = flag.Duration("soak", 0, "how long TestSoak lasts; 0 for not at all")

// TestSoak: all faults in random order, for as long as one likes, side by side with
// one server and with a cluster.
func TestSoak(t *testing.T) {
	if *soakTime == 0 {
		t.Skip("give -soak, for example 30m")
	}
	t.Run("server", soakServer)
	t.Run("cluster", soakCluster)
}

func soakServer(t *testing.T) {
	t.Parallel()
	f := newFaults(t)
	f.soak()
	toNATS, toGateway := f.proxy(f.nats), f.proxy(f.gateway)
	held := f.way("nats://" + toNATS.Listen)
	addr := f.server.Addr()
	hire := func() { f.hire(held.url(), "http://"+toGateway.Listen) }
	trouble := f.troubles(hire)
	trouble["restart"] = func() {
		f.must(f.server.Stop(f.ctx))
		server, err := embedded.Start(f.dir, addr)
		f.must(err)
		f.server = server
	}
	trouble["slow"] = func() { toNATS.poison("latency", `{"latency":80,"jitter":80}`); f.some(); toNATS.heal() }
	trouble["part"] = func() { toNATS.cut(); f.pass(faultAckWait); toNATS.heal() }
	trouble["held"] = func() { held.hold(); f.pass(f.tooLong()); held.flow() }
	trouble["silent"] = func() { toGateway.cut(); f.pass(5 * time.Second); toGateway.heal() }
	trouble["refused"] = func() { toGateway.Stop(); f.pass(5 * time.Second); f.must(toGateway.Start()) }
	for range 3 {
		hire()
	}
	f.suffer(trouble)
}

func soakCluster(t *testing.T) {
	t.Parallel()
	f := bareFaults(t)
	f.soak()
	c := f.cluster()
	f.join(c.urls(), 3)
	var ways []*way
	for _, n := range c.nodes {
		ways = append(ways, f.way(n.ClientURL()))
	}
	hire := func() { f.hire(ways[f.hired%len(ways)].url(), f.gateway) }
	trouble := f.troubles(hire)
	trouble["restart"] = func() {
		i := f.rand.IntN(len(c.nodes))
		c.stop(i)
		f.pass(time.Duration(f.rand.IntN(3000)) * time.Millisecond)
		c.start(i)
		c.await("the server does not catch up", func() bool { return c.nodes[i].JetStreamIsCurrent() })
	}
	trouble["leader"] = func() { _ = f.stepDown("COMMANDS"); _ = f.stepDown("RESULTS") }
	trouble["cut"] = func() { c.cut(); f.pass(f.tooLong() + time.Duration(f.rand.IntN(12))*time.Second); c.heal() }
	trouble["held"] = func() {
		w := ways[f.rand.IntN(len(ways))]
		w.hold()
		f.pass(f.tooLong())
		w.flow()
	}
	for range 3 {
		hire()
	}
	f.suffer(trouble)
}

// soak gives a long test its time.
func (f *faults) soak() {
	ctx, cancel := context.WithTimeout(context.Background(), *soakTime+5*time.Minute)
	f.Cleanup(cancel)
	f.ctx, f.lost = ctx, true
}

// troubles are what may happen everywhere.
func (f *faults) troubles(hire func()) map[string]func() {
	return map[string]func(){
		"kill": func() { f.fire(syscall.SIGKILL); hire() },
		"term": func() { hire(); f.fire(syscall.SIGTERM) },
		"stop": func() {
			p := f.crew[f.rand.IntN(len(f.crew))]
			f.must(p.Process.Signal(syscall.SIGSTOP))
			f.awaitResults(f.stored("RESULTS") + 100)
			f.must(p.Process.Signal(syscall.SIGCONT))
		},
		"consumer": func() { f.dismiss(); f.bind() },
		"answers":  func() { f.loseAnswers(400); f.send(400); f.some() },
	}
}

// suffer sends commands and lets one trouble follow the other.
func (f *faults) suffer(trouble map[string]func()) {
	names := slices.Sorted(maps.Keys(trouble))
	for end := time.Now().Add(*soakTime); time.Now().Before(end) && len(f.orders) < 900_000; {
		f.send(400)
		name := names[f.rand.IntN(len(names))]
		f.Logf("%d commands, %s", len(f.orders), name)
		trouble[name]()
		f.cancel(5)
		if f.rand.IntN(4) == 0 {
			f.awaitResults(len(f.orders))
		}
	}
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected)
}
