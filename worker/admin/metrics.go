// Package admin is what an operator sees of a worker: health, readiness and
// metrics over HTTP.
package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forcelogout/forcelogout/messages"
)

// Metrics counts what one worker does for one VCC.
type Metrics struct {
	registry *prometheus.Registry

	results    *prometheus.CounterVec
	calls      *prometheus.CounterVec
	latency    *prometheus.HistogramVec
	queueAge   prometheus.Histogram
	handedBack prometheus.Counter
	leasesLost prometheus.Counter
	dead       prometheus.Counter
}

// Gauges are numbers that are read when they are asked for.
type Gauges struct {
	InFlight int  // calls to the gateway
	Parked   int  // commands that wait in this process for a retry
	InHand   int  // commands that this worker answers for
	Pending  int  // commands that wait on the server, as last seen
	Unacked  int  // commands in hand or handed back, of all workers, as last seen
	Usable   int  // inspectors with a usable session
	Ready    bool // as /readyz has it
	Down     bool // the gateway gives no proper answers, and calls are halted

	PasswordDays float64 // until the first inspector's password expires; not a number where the gateway does not tell
}

// NewMetrics returns metrics under a registry of their own. Every series has the
// label vcc.
func NewMetrics(vcc string) *Metrics {
	labels := prometheus.Labels{"vcc": vcc}
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "forcelogout", Name: name, Help: help, ConstLabels: labels}
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		results:  prometheus.NewCounterVec(counter("results_total", "Commands ended, by outcome and cause."), []string{"outcome", "cause"}),
		calls:    prometheus.NewCounterVec(counter("gateway_calls_total", "Force-logout calls, by class of the answer and retcode."), []string{"class", "retcode"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "forcelogout", Name: "gateway_call_seconds", Help: "Time of a force-logout call.",
			ConstLabels: labels, Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"class"}),
		queueAge: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "forcelogout", Name: "queue_age_seconds", Help: "Time from when a command may run to its first call.",
			ConstLabels: labels, Buckets: []float64{.01, .05, .1, .5, 1, 5, 15, 60, 300, 900},
		}),
		handedBack: prometheus.NewCounter(counter("handed_back_total", "Commands given back to the server to wait there.")),
		leasesLost: prometheus.NewCounter(counter("leases_lost_total", "Commands dropped because their lease ran out.")),
		dead:       prometheus.NewCounter(counter("dead_letters_total", "Invalid commands.")),
	}
	m.registry.MustRegister(m.results, m.calls, m.latency, m.queueAge, m.handedBack, m.leasesLost, m.dead)
	return m
}

// Watch adds gauges that are read at each scrape.
func (m *Metrics) Watch(vcc string, read func() Gauges) {
	gauge := func(name, help string, value func(Gauges) int) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "forcelogout", Name: name, Help: help, ConstLabels: prometheus.Labels{"vcc": vcc},
		}, func() float64 { return float64(value(read())) }))
	}
	gauge("calls_in_flight", "Force-logout calls and state queries in flight.", func(g Gauges) int { return g.InFlight })
	gauge("commands_parked", "Commands that wait in this process for a retry.", func(g Gauges) int { return g.Parked })
	gauge("commands_in_hand", "Commands that this worker answers for.", func(g Gauges) int { return g.InHand })
	gauge("inspectors_usable", "Inspectors with a usable session.", func(g Gauges) int { return g.Usable })
	gauge("ready", "1 while commands can be taken and executed, as /readyz says.", func(g Gauges) int { return oneIf(g.Ready) })
	gauge("gateway_down", "1 while the gateway gives no proper answers and calls are halted.", func(g Gauges) int { return oneIf(g.Down) })
	gauge("commands_unacknowledged", "Commands of all workers that are in hand or were handed back to wait on the server; new ones wait where it reaches max_ack_pending (50000).",
		func(g Gauges) int { return g.Unacked })
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "forcelogout", Name: "password_days", Help: "Days until the first inspector's password expires; NaN where the gateway does not tell.",
		ConstLabels: prometheus.Labels{"vcc": vcc},
	}, func() float64 { return read().PasswordDays }))
	gauge("commands_pending", "Commands that wait on the server (lag).", func(g Gauges) int { return g.Pending })
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

// Result counts a command's end.
func (m *Metrics) Result(o messages.Outcome, c messages.Cause) {
	m.results.WithLabelValues(string(o), string(c)).Inc()
}

// Call counts a force-logout call and its time.
func (m *Metrics) Call(class, retcode string, took time.Duration) {
	m.calls.WithLabelValues(class, retcodeLabel(retcode)).Inc()
	m.latency.WithLabelValues(class).Observe(took.Seconds())
}

// QueueAge notes how long a command waited for its first call.
func (m *Metrics) QueueAge(age time.Duration) { m.queueAge.Observe(max(0, age.Seconds())) }

// HandedBack counts a command given back to the server.
func (m *Metrics) HandedBack() { m.handedBack.Inc() }

// LeaseLost counts a command left to another worker.
func (m *Metrics) LeaseLost() { m.leasesLost.Inc() }

// Dead counts a dead letter.
func (m *Metrics) Dead() { m.dead.Inc() }

// retcodeLabel keeps the label's values few: a gateway, or what stands in for
// it, could send anything.
func retcodeLabel(code string) string {
	if code == "" {
		return "none"
	}
	if code == "0" {
		return code
	}
	if len(code) != 7 || code[3] != '-' {
		return "other"
	}
	for i, c := range []byte(code) {
		if i != 3 && (c < '0' || c > '9') {
			return "other"
		}
	}
	return code
}
