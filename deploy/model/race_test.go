//go:build race

package model

import "testing"

// skipUnderRace: an exploration is one goroutine, and ten times slower under the race
// detector.
func skipUnderRace(t *testing.T) {
	t.Helper()
	t.Skip("too slow under the race detector, and has nothing for it")
}
