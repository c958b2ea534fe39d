//go:build !race

package systemtest

import "time"

// poisoned is how many payloads TestPoison sends.
const poisoned = 100_000

// underRace is whether the race detector is at work.
const underRace = false

// simLate is how late the simulator's handler may get to look at its clock: these tests
// overload the machine.
const simLate = 250 * time.Millisecond
