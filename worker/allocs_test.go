//go:build !race

// The race detector makes pools forget, and so more allocations.

package worker_test

import "testing"

// TestAllocations keeps what a command costs on its whole path from growing unseen:
// sending, storing, delivery, call, result, acknowledgement and reading the result.
// The server and the simulated gateway, in this process too, have about half of it.
func TestAllocations(t *testing.T) {
	const (
		each = 500
		most = 440 // what was measured, and a tenth
	)
	r := newRig(t)
	r.start(atFullSpeed)
	feed := r.results()
	sent := 0
	got := testing.AllocsPerRun(2, func() {
		r.send(r.orders(sent, each)...)
		sent += each
		for range each {
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
