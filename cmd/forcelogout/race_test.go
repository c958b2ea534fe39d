//go:build race

package main

// poisoned is fewer than usual: the race detector makes each several times as slow.
const poisoned = 10_000

// underRace is whether the race detector is at work.
const underRace = true
