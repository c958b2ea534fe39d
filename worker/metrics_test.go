package worker_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/admin"
)

// scrape is what a worker's /metrics says.
func (r *rig) scrape(metrics *admin.Metrics) string {
	r.Helper()
	server, err := admin.Listen("127.0.0.1:0", []admin.VCC{{Name: vcc, Metrics: metrics}}, false, slog.New(slog.DiscardHandler))
	r.must(err)
	server.Describe(admin.Build{Version: "v1", Revision: "abc"})
	ctx, stop := context.WithCancel(r.ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Run(ctx) }()
	defer func() { stop(); <-ended; http.DefaultClient.CloseIdleConnections() }()
	response, err := http.Get("http://" + server.Addr() + "/metrics")
	r.must(err)
	body, err := io.ReadAll(response.Body)
	r.must(err)
	r.must(response.Body.Close())
	return string(body)
}

// scrapeUntil scrapes until all of these lines are there: a worker counts a result or a
// dead letter just after it is stored.
func (r *rig) scrapeUntil(metrics *admin.Metrics, lines ...string) string {
	r.Helper()
	for {
		text := r.scrape(metrics)
		missing := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.Contains(text, line) })
		if len(missing) == 0 {
			return text
		}
		if r.ctx.Err() != nil {
			r.Fatalf("no %q in\n%s", missing, text)
		}
		r.tick()
	}
}

// observed has a worker do a little of all that is counted, and returns its metrics.
func (r *rig) observed() string {
	r.Helper()
	metrics := admin.NewMetrics(vcc)
	w := r.start(func(c *worker.Config) { c.Metrics = metrics })
	metrics.Watch(vcc, w.Gauges)
	r.send(order("a", "30001"))
	r.publish(nil, []byte(`{"id":"invalid","workNo":"30002","expiresat":"x"}`))
	r.await(2)
	return r.scrapeUntil(metrics,
		`forcelogout_lateness_seconds_count{outcome="signed_out",vcc="default"} 1`,
		`forcelogout_results_total{cause="invalid",outcome="rejected",vcc="default"} 1`,
		`forcelogout_dead_letters_total{vcc="default"} 1`)
}

// TestMetrics: a command leaves its traces in the metrics, and their names follow
// Prometheus' conventions.
func TestMetrics(t *testing.T) {
	t.Parallel()
	text := newRig(t).observed()
	for _, want := range []string{
		`forcelogout_results_total{cause="",outcome="signed_out",vcc="default"} 1`,
		`forcelogout_results_total{cause="invalid",outcome="rejected",vcc="default"} 1`,
		`forcelogout_results_total{cause="no_session",outcome="failed",vcc="default"} 0`,
		`forcelogout_lateness_seconds_count{outcome="signed_out",vcc="default"} 1`,
		`forcelogout_lateness_seconds_count{outcome="failed",vcc="default"} 0`,
		`forcelogout_dead_letters_total{vcc="default"} 1`,
		`forcelogout_commands_unacknowledged_limit{vcc="default"} 50000`,
		`forcelogout_inspectors{vcc="default"} 1`,
		`forcelogout_inspectors_usable{vcc="default"} 1`,
		`forcelogout_ready{vcc="default"} 1`,
		`revision="abc",version="v1"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		// Days are what a person who renews a password counts in.
		if p.Metric != "forcelogout_password_days" && strings.HasPrefix(p.Metric, "forcelogout_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestLatenessByOutcome: what was done before it was due is in time, and what was withdrawn is not
// late at all.
func TestLatenessByOutcome(t *testing.T) {
	t.Parallel()
	metrics := admin.NewMetrics(vcc)
	metrics.Lateness(messages.OutcomeSignedOut, -1)
	metrics.Lateness(messages.OutcomeExpired, 1000e9)
	metrics.Lateness(messages.OutcomeCancelled, 1)
	text := newRig(t).scrape(metrics)
	for _, want := range []string{
		`forcelogout_lateness_seconds_bucket{outcome="signed_out",vcc="default",le="0.1"} 1`,
		`forcelogout_lateness_seconds_bucket{outcome="expired",vcc="default",le="900"} 0`,
		`forcelogout_lateness_seconds_count{outcome="expired",vcc="default"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, `lateness_seconds_count{outcome="cancelled"`) {
		t.Error("a command that was withdrawn counts as late")
	}
}
