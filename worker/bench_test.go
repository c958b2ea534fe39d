package worker_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// BenchmarkWorker is the whole path of a command on one machine: NATS on disk,
// HTTP, result, acknowledgement. Allocations are those of the whole process: the
// embedded server and the simulated gateway are in it.
//
//	go test ./worker -run=NONE -bench=Worker -benchtime=10000x
func BenchmarkWorker(b *testing.B) {
	for _, latency := range []time.Duration{0, 50 * time.Millisecond} {
		b.Run(fmt.Sprintf("gateway=%v/concurrency=64", latency), func(b *testing.B) {
			r := newRig(b)
			r.sim.SetFaults(sim.Faults{Latency: latency})
			r.send(r.orders(0, b.N)...)
			feed := r.results()
			b.ReportAllocs()
			b.ResetTimer()
			r.start(atFullSpeed)
			for range b.N {
				if _, _, err := feed.Next(r.ctx); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			perSecond := float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(perSecond, "commands/s")
			if latency > 0 {
				b.ReportMetric(100*perSecond*latency.Seconds()/64, "%ideal")
			}
		})
	}
}

// orders are n commands about agents who are signed in, the first of them numbered first.
func (r *rig) orders(first, n int) []messages.Command {
	orders := make([]messages.Command, n)
	for i := range orders {
		orders[i] = order(fmt.Sprintf("id-%d", first+i), fmt.Sprint(10_001+(first+i)%900_000))
		r.sim.SetAgent(orders[i].WorkNo, sim.Agent{SignedIn: true})
	}
	return orders
}

// atFullSpeed has as many slots as a worker has by itself, and logs nothing.
func atFullSpeed(c *worker.Config) {
	c.Concurrency = worker.DefaultConcurrency
	c.Log = slog.New(slog.DiscardHandler)
}

// BenchmarkCallsAlone is the limit beside BenchmarkWorker: the same calls by the
// same number of goroutines, and nothing else.
func BenchmarkCallsAlone(b *testing.B) {
	for _, latency := range []time.Duration{0, 50 * time.Millisecond} {
		b.Run(fmt.Sprintf("gateway=%v/concurrency=64", latency), func(b *testing.B) {
			g := sim.New(sim.Config{})
			g.GiveSession(inspector, guid)
			g.SetFaults(sim.Faults{Latency: latency})
			server, err := sim.Listen(g, "127.0.0.1:0", false)
			if err != nil {
				b.Fatal(err)
			}
			defer server.Close()
			gw, err := gateway.NewClient(gateway.Options{URL: server.URL, Conns: 64})
			if err != nil {
				b.Fatal(err)
			}
			defer gw.Close()
			var next atomic.Int64
			var callers sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range 64 {
				callers.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						agent := strconv.FormatInt(10_000+n%900_000, 10)
						if _, err := gw.ForceLogout(context.Background(), gateway.Session{Inspector: inspector, GUID: guid}, agent); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			callers.Wait()
			b.StopTimer()
			perSecond := float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(perSecond, "commands/s")
			if latency > 0 {
				b.ReportMetric(100*perSecond*latency.Seconds()/64, "%ideal")
			}
		})
	}
}
