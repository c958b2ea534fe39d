//go:build !race

package main

// poisoned is how many payloads TestPoison sends.
const poisoned = 100_000
