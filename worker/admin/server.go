package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Server answers /healthz, /readyz and /metrics.
type Server struct {
	listener net.Listener
	http     *http.Server
	process  *prometheus.Registry
}

// VCC is what the admin HTTP says about one VCC.
type VCC struct {
	Name     string
	Metrics  *Metrics
	Ready    func() error // nil while its commands can be executed
	Degraded func() error // what does not work as it should, nil for nothing
	Alive    func() error // nil while the process can recover by itself; the function may be nil
}

// Listen takes the address at once, so that a port that is taken is an error
// before any work starts. The process is ready while each VCC is;
// /readyz?vcc=NAME asks for one. With profiling, /debug/pprof/ is there too.
func Listen(addr string, vccs []VCC, profiling bool, log *slog.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("admin HTTP: %w (choose another address with --listen)", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { healthz(w, vccs) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { readyz(w, vccs, r.URL.Query().Get("vcc")) })
	if profiling {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	process := newProcess()
	metrics := prometheus.Gatherers{process}
	for _, vcc := range vccs {
		metrics = append(metrics, vcc.Metrics.registry)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return &Server{listener: listener, process: process, http: &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}, nil
}

// healthz fails where only another start helps.
func healthz(w http.ResponseWriter, vccs []VCC) {
	for _, vcc := range vccs {
		if vcc.Alive == nil {
			continue
		}
		if err := vcc.Alive(); err != nil {
			http.Error(w, oneLine(err), http.StatusServiceUnavailable)
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

func readyz(w http.ResponseWriter, vccs []VCC, only string) {
	var lines []string
	status, known := http.StatusOK, false
	for _, vcc := range vccs {
		if only != "" && vcc.Name != only {
			continue
		}
		known = true
		prefix := ""
		if len(vccs) > 1 {
			prefix = "vcc " + vcc.Name + ": "
		}
		if err := vcc.Ready(); err != nil {
			status = http.StatusServiceUnavailable
			lines = append(lines, prefix+"not ready: "+oneLine(err))
		} else if err := vcc.Degraded(); err != nil {
			lines = append(lines, prefix+"ready, but "+oneLine(err))
		} else {
			lines = append(lines, prefix+"ready")
		}
	}
	if !known {
		http.Error(w, "this worker does not serve that vcc", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, strings.Join(lines, "\n"))
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// Addr is the address that the server listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until the context ends.
func (s *Server) Run(ctx context.Context) error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		_ = s.http.Close()
	}()
	err := s.http.Serve(s.listener)
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("admin HTTP: %w", err)
}
