package admin

import "github.com/prometheus/client_golang/prometheus"

// Gauges are numbers that are read when they are asked for.
type Gauges struct {
	InFlight   int  // calls to the gateway
	Parked     int  // commands that wait in this process for a retry
	InHand     int  // commands that this worker answers for
	Pending    int  // commands that wait on the server, as last seen
	Unacked    int  // commands in hand or handed back, of all workers, as last seen
	MaxUnacked int  // at so many, new commands wait
	Inspectors int  // that the worker is configured with
	Usable     int  // inspectors with a usable session
	Ready      bool // as /readyz has it
	Down       bool // the gateway gives no proper answers, and calls are halted

	PasswordDays float64 // until the first inspector's password expires; not a number where the gateway does not tell
}

// gauge is one of them as Prometheus knows it.
type gauge struct {
	desc  *prometheus.Desc
	value func(Gauges) float64
}

// gauges reads all of them once for each scrape, so that they are of one moment.
type gauges struct {
	read func() Gauges
	all  []gauge
}

func newGauges(vcc string, read func() Gauges) *gauges {
	g := &gauges{read: read}
	add := func(name, help string, value func(Gauges) float64) {
		desc := prometheus.NewDesc(prometheus.BuildFQName("forcelogout", "", name), help, nil, prometheus.Labels{"vcc": vcc})
		g.all = append(g.all, gauge{desc, value})
	}
	add("calls_in_flight", "Force-logout calls and state queries in flight.", func(g Gauges) float64 { return float64(g.InFlight) })
	add("commands_parked", "Commands that wait in this process for a retry.", func(g Gauges) float64 { return float64(g.Parked) })
	add("commands_in_hand", "Commands that this worker answers for.", func(g Gauges) float64 { return float64(g.InHand) })
	add("commands_pending", "Commands that wait on the server (lag), of all workers; as last seen.", func(g Gauges) float64 { return float64(g.Pending) })
	add("commands_unacknowledged", "Commands of all workers that are in hand or were handed back to wait on the server; as last seen.",
		func(g Gauges) float64 { return float64(g.Unacked) })
	add("commands_unacknowledged_limit", "At so many unacknowledged commands (max_ack_pending of the consumer) new ones wait.",
		func(g Gauges) float64 { return float64(g.MaxUnacked) })
	add("inspectors", "Inspectors that this worker is configured with.", func(g Gauges) float64 { return float64(g.Inspectors) })
	add("inspectors_usable", "Inspectors with a usable session.", func(g Gauges) float64 { return float64(g.Usable) })
	add("password_days", "Days until the first inspector's password expires; NaN where the gateway does not tell.", func(g Gauges) float64 { return g.PasswordDays })
	add("ready", "1 while commands can be taken and executed, as /readyz says.", func(g Gauges) float64 { return oneIf(g.Ready) })
	add("gateway_down", "1 while the gateway gives no proper answers and calls are halted.", func(g Gauges) float64 { return oneIf(g.Down) })
	return g
}

// Describe and Collect are what a prometheus.Collector must have.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, gauge := range g.all {
		to <- gauge.desc
	}
}

func (g *gauges) Collect(to chan<- prometheus.Metric) {
	now := g.read()
	for _, gauge := range g.all {
		to <- prometheus.MustNewConstMetric(gauge.desc, prometheus.GaugeValue, gauge.value(now))
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
