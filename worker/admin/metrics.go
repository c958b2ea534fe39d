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
	lateness   map[messages.Outcome]prometheus.Observer
	retcodes   *retcodes
	handedBack prometheus.Counter
	leasesLost prometheus.Counter
	dead       prometheus.Counter
	returned   prometheus.Counter
}

// NewMetrics returns metrics under a registry of their own. Every series has the
// label vcc.
func NewMetrics(vcc string) *Metrics {
	labels := prometheus.Labels{"vcc": vcc}
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "forcelogout", Name: name, Help: help, ConstLabels: labels}
	}
	lateness := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "forcelogout", Name: "lateness_seconds",
		Help:        "Time from when a command was due to its end: from its publication, notBefore or graceUntil, whichever is last. The service-level figure.",
		ConstLabels: labels, Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900},
	}, []string{"outcome"})
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		lateness: map[messages.Outcome]prometheus.Observer{},
		retcodes: newRetcodes(),
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
		returned:   prometheus.NewCounter(counter("returned_total", "Agents who were signed in again at the look after their sign-out.")),
	}
	m.registry.MustRegister(m.results, m.calls, m.latency, m.queueAge, lateness, m.handedBack, m.leasesLost, m.dead, m.returned)
	m.begin(lateness)
	return m
}

// begin makes the series at 0: a first failure is an increase only where there was a number
// before. Each outcome's observer is looked up here, and not at each command.
func (m *Metrics) begin(lateness *prometheus.HistogramVec) {
	for outcome, causes := range map[messages.Outcome][]messages.Cause{
		messages.OutcomeSignedOut:        {""},
		messages.OutcomeAlreadySignedOut: {""},
		messages.OutcomeFailed:           {messages.CauseRefused, messages.CauseRetriesExhausted, messages.CauseNoSession},
		messages.OutcomeExpired:          {messages.CauseExpiredBeforeAttempt, messages.CauseExpiredWhileRetrying},
		messages.OutcomeRejected:         {messages.CauseInvalid},
		messages.OutcomeCancelled:        {messages.CauseCancelled},
		messages.OutcomeSuperseded:       {messages.CauseSuperseded},
	} {
		for _, cause := range causes {
			m.results.WithLabelValues(string(outcome), string(cause))
		}
	}
	// Of those where a sign-out was owed: what was withdrawn or overtaken is not late.
	for _, outcome := range []messages.Outcome{
		messages.OutcomeSignedOut, messages.OutcomeAlreadySignedOut, messages.OutcomeFailed, messages.OutcomeExpired,
	} {
		m.lateness[outcome] = lateness.WithLabelValues(string(outcome))
	}
}

// Watch adds gauges that are read at each scrape.
func (m *Metrics) Watch(vcc string, read func() Gauges) {
	m.registry.MustRegister(newGauges(vcc, read))
}

// Result counts a command's end.
func (m *Metrics) Result(o messages.Outcome, c messages.Cause) {
	m.results.WithLabelValues(string(o), string(c)).Inc()
}

// Call counts a force-logout call and its time.
func (m *Metrics) Call(class, retcode string, took time.Duration) {
	m.calls.WithLabelValues(class, m.retcodes.label(retcode)).Inc()
	m.latency.WithLabelValues(class).Observe(took.Seconds())
}

// Lateness notes how long after it was due a command has ended.
func (m *Metrics) Lateness(o messages.Outcome, late time.Duration) {
	if observer := m.lateness[o]; observer != nil {
		observer.Observe(max(0, late.Seconds()))
	}
}

// QueueAge notes how long a command waited for its first call.
func (m *Metrics) QueueAge(age time.Duration) { m.queueAge.Observe(max(0, age.Seconds())) }

// HandedBack counts a command given back to the server.
func (m *Metrics) HandedBack() { m.handedBack.Inc() }

// LeaseLost counts a command left to another worker.
func (m *Metrics) LeaseLost() { m.leasesLost.Inc() }

// Dead counts a dead letter.
func (m *Metrics) Dead() { m.dead.Inc() }

// Returned counts an agent who came back.
func (m *Metrics) Returned() { m.returned.Inc() }
