package main

import "time"

// scenarios are the lines of the table, in its order.
func scenarios() []scenario {
	return []scenario{
		{"wait", "share of the ideal 1,280/s at a 50 ms gateway, 64 slots", target{">=", 0.98}, runWaiting(0)},
		{"far", "the same with NATS 5 ms away in each direction", target{">=", 0.97}, runWaiting(5 * time.Millisecond)},
		{"at-once", "0 ms gateway: commands/s against the hand-written loop", target{">=", 1}, runAtOnce},
		{"two", "2 workers against 1 at a 50 ms gateway", target{">=", 1.95}, runTwoWorkers},
	}
}
