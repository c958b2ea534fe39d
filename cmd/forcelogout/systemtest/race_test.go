//go:build race

package systemtest

import "time"

// poisoned is fewer than usual: the race detector makes each several times as slow.
const poisoned = 10_000

// underRace is whether the race detector is at work.
const underRace = true

// simLate is how late the simulator's handler may get to look at its clock: these tests
// overload the machine.
const simLate = 3 * time.Second
