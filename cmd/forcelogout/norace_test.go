//go:build !race

package main

// poisoned is how many payloads TestPoison sends.
const poisoned = 100_000

// underRace is whether the race detector is at work.
const underRace = false
