//go:build !race

// The race detector makes pools forget, and so more allocations.

package messages_test

import "testing"

// TestAllocations keeps what each command costs from growing unseen.
func TestAllocations(t *testing.T) {
	for _, c := range wire() {
		t.Run(c.what, func(t *testing.T) {
			got := testing.AllocsPerRun(1000, func() {
				if err := c.do(); err != nil {
					t.Fatal(err)
				}
			})
			if got > c.allocs {
				t.Errorf("%v allocations, there were %v", got, c.allocs)
			}
		})
	}
}
