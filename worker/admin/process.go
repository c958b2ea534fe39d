package admin

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Build says which program it is.
type Build struct{ Version, Revision string }

// newProcess has what is of the process and of no VCC: Go's and the system's numbers.
func newProcess() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Describe adds forcelogout_build_info to the metrics. It is called at most once.
func (s *Server) Describe(b Build) {
	s.process.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "forcelogout", Name: "build_info", Help: "Always 1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": runtime.Version()},
	}, func() float64 { return 1 }))
}
