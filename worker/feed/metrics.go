package feed

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts what a feeder does.
type Metrics struct {
	registry *prometheus.Registry
	files    *prometheus.CounterVec
	changes  *prometheus.CounterVec
	waits    prometheus.Gauge
	last     prometheus.Gauge
}

// NewMetrics returns metrics under a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		files:    prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "forcelogout", Name: "feed_files_total", Help: "Files taken, by outcome."}, []string{"outcome"}),
		changes:  prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "forcelogout", Name: "feed_changes_total", Help: "Rows of files, by what they changed."}, []string{"change"}),
		waits:    prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "forcelogout", Name: "feed_files_waiting", Help: "Files in the folder that were not taken yet."}),
		last:     prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "forcelogout", Name: "feed_last_done_timestamp_seconds", Help: "When the last file was done."}),
	}
	m.registry.MustRegister(m.files, m.changes, m.waits, m.last)
	for _, outcome := range []Outcome{Done, Bad} {
		m.files.WithLabelValues(string(outcome))
	}
	return m
}

// Handler answers with the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Changed counts rows of which the same became.
func (m *Metrics) Changed(kind string, rows int) { m.changes.WithLabelValues(kind).Add(float64(rows)) }

func (m *Metrics) file(outcome Outcome) {
	m.files.WithLabelValues(string(outcome)).Inc()
	if outcome == Done {
		m.last.SetToCurrentTime()
	}
}

func (m *Metrics) waiting(n int) { m.waits.Set(float64(n)) }
