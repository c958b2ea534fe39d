package main

import "time"

// scenarios are the table, in its order.
func scenarios() []scenario {
	atLeast := func(v float64) target { return target{">=", v} }
	atMost := func(v float64) target { return target{"<=", v} }
	below := func(v float64) target { return target{"<", v} }
	return []scenario{
		{"wait", []target{atLeast(0.98)}, runWaiting(0)},
		{"far", []target{atLeast(0.97)}, runWaiting(5 * time.Millisecond)},
		{"tail", []target{atMost(1.1)}, runTail},
		{"free-slots", []target{atLeast(0.95)}, runFreeSlots},
		{"crash", []target{atMost(2), atMost(16)}, runCrash},
		{"long", []target{atMost(0)}, runLong},
		{"at-once", []target{atLeast(0.95)}, runAtOnce(overTLS)},
		{"at-once-plain", nil, runAtOnce()},
		{"backlog", []target{atMost(64), atMost(1), atMost(1.1)}, runBacklog},
		{"two", []target{atLeast(1.95)}, runTwoWorkers},
		{"idle", []target{below(0.5), below(40), below(20)}, runIdle},
		{"vccs", []target{atLeast(0.98)}, runVCCs},
	}
}
