//go:build !race

// The race detector makes pools forget, and so more allocations.

package messages_test

import (
	"testing"
)

// TestAllocations keeps what each command costs from growing unseen.
func TestAllocations(t *testing.T) {
	r, p := benchResult(), benchProgress()
	for _, c := range []struct {
		what string
		most float64
		do   func() error
	}{
		{"DecodeCommand", 14, decodeBenchCommand},
		{"Result.Encode", 5, func() error { _, err := r.Encode(); return err }},
		{"Progress.Encode", 4, func() error { _, err := p.Encode(); return err }},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := testing.AllocsPerRun(1000, func() {
				if err := c.do(); err != nil {
					t.Fatal(err)
				}
			})
			if got > c.most {
				t.Errorf("%v allocations, there were %v", got, c.most)
			}
		})
	}
}
