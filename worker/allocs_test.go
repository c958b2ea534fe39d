//go:build !race

// The race detector makes pools forget, and so more allocations.

package worker_test

import (
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestAllocations keeps what a command costs on its whole path from growing unseen:
// sending, storing, delivery, call, result, acknowledgement and reading the result.
// The server and the simulated gateway, in this process too, have about half of it.
func TestAllocations(t *testing.T) {
	const (
		each = 500
		most = 380 // what was measured, and a tenth
	)
	r := newRig(t)
	r.start(func(c *worker.Config) {
		c.Concurrency = 64
		c.Log = slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
	})
	feed := r.results()
	sent := 0
	got := testing.AllocsPerRun(2, func() {
		orders := make([]messages.Command, each)
		for i := range orders {
			orders[i] = order(fmt.Sprintf("id-%d", sent), fmt.Sprint(10_001+sent))
			r.sim.SetAgent(orders[i].WorkNo, sim.Agent{SignedIn: true})
			sent++
		}
		r.send(orders...)
		for range orders {
			if _, _, err := feed.Next(r.ctx); err != nil {
				t.Fatal(err)
			}
		}
	}) / each
	t.Logf("%.0f allocations for a command", got)
	if got > most {
		t.Errorf("%.0f allocations for a command, there were %d", got, most)
	}
}
