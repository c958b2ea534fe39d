package main

import (
	"context"
	"flag"
	"syscall"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/embedded"
)

var soakTime = flag.Duration("soak", 0, "how long TestSoak lasts; 0 for not at all")

// TestSoak: all faults in random order, for as long as one likes.
func TestSoak(t *testing.T) {
	if *soakTime == 0 {
		t.Skip("give -soak, for example 30m")
	}
	f := newFaults(t)
	ctx, cancel := context.WithTimeout(context.Background(), *soakTime+5*time.Minute)
	defer cancel()
	f.ctx, f.lost = ctx, true
	toNATS, toGateway := f.proxy(f.nats), f.proxy(f.gateway)
	hire := func() { f.hire("nats://"+toNATS.Listen, "http://"+toGateway.Listen) }
	for range 3 {
		hire()
	}
	addr := f.server.Addr()
	trouble := map[string]func(){
		"kill": func() { f.fire(syscall.SIGKILL); hire() },
		"term": func() { hire(); f.fire(syscall.SIGTERM) },
		"stop": func() {
			p := f.crew[f.rand.IntN(len(f.crew))]
			f.must(p.Process.Signal(syscall.SIGSTOP))
			f.awaitResults(f.stored("RESULTS") + 100)
			f.must(p.Process.Signal(syscall.SIGCONT))
		},
		"restart": func() {
			f.must(f.server.Stop(f.ctx))
			server, err := embedded.Start(f.dir, addr)
			f.must(err)
			f.server = server
		},
		"slow":    func() { toNATS.poison("latency", `{"latency":80,"jitter":80}`); f.some(); toNATS.heal() },
		"part":    func() { toNATS.cut(); f.pass(faultAckWait); toNATS.heal() },
		"silent":  func() { toGateway.cut(); f.pass(5 * time.Second); toGateway.heal() },
		"refused": func() { toGateway.Stop(); f.pass(5 * time.Second); f.must(toGateway.Start()) },
	}
	names := []string{"kill", "term", "stop", "restart", "slow", "part", "silent", "refused"}
	for end := time.Now().Add(*soakTime); time.Now().Before(end) && len(f.orders) < 900_000; {
		f.send(400)
		name := names[f.rand.IntN(len(names))]
		t.Logf("%d commands, %s", len(f.orders), name)
		trouble[name]()
		f.cancel(5)
		if f.rand.IntN(4) == 0 {
			f.awaitResults(len(f.orders))
		}
	}
	f.none(f.check(), messages.OutcomeFailed, messages.OutcomeRejected)
}
