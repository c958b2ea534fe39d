//go:build race

package main

// poisoned is fewer than usual: the race detector makes each several times as slow.
const poisoned = 10_000
