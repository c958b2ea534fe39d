package worker_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// metricNames finds the names of ours.
func metricNames(text string) []string {
	names := regexp.MustCompile(`\bforcelogout_[a-z_]+\b`).FindAllString(text, -1)
	slices.Sort(names)
	return slices.Compact(names)
}

// exposed are the series and the metrics of a worker.
func exposed(scraped string) (series, metrics []string) {
	var samples, types strings.Builder
	for line := range strings.Lines(scraped) {
		switch {
		case strings.HasPrefix(line, "# TYPE "):
			types.WriteString(line)
		case !strings.HasPrefix(line, "#"):
			name, _, _ := strings.Cut(line, "{")
			samples.WriteString(name + "\n")
		}
	}
	return metricNames(samples.String()), metricNames(types.String())
}

type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Annotations map[string]string
		}
	}
}

// TestMetricsExist: the dashboard and the alerts ask for series that a worker exposes, for
// outcomes and causes that there are, and the pages name all metrics and no others.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	dashboard, alerts := read(t, "../deploy/grafana/forcelogout.json"), read(t, "../deploy/prometheus/alerts.yml")
	scraped := newRig(t).observed()
	series, metrics := exposed(scraped)
	for file, text := range map[string]string{"dashboard": dashboard, "alerts": alerts, "tests of alerts": read(t, "../deploy/prometheus/alerts_test.yml")} {
		asked := metricNames(text)
		if len(asked) < 10 {
			t.Errorf("the %s have %d series", file, len(asked))
		}
		for _, name := range asked {
			if !slices.Contains(series, name) {
				t.Errorf("the %s ask for %s, which no worker has", file, name)
			}
		}
		for _, label := range regexp.MustCompile(`(outcome|cause)[=!]~?\\?"([a-z_|]+)`).FindAllStringSubmatch(text, -1) {
			for value := range strings.SplitSeq(label[2], "|") {
				if !strings.Contains(scraped, label[1]+`="`+value+`"`) {
					t.Errorf("the %s ask for the %s %s, which there is not", file, label[1], value)
				}
			}
		}
	}
	if got := metricNames(read(t, "../deploy/docs/metrics.md")); !slices.Equal(got, metrics) {
		t.Errorf("metrics.md has %v, a worker has %v", got, metrics)
	}
	for _, name := range metricNames(read(t, "../README.md")) {
		if !slices.Contains(metrics, name) {
			t.Errorf("the README names %s, which no worker has", name)
		}
	}
}

// TestAlertsExplained: each alert has a heading in alerts.md and leads there, and each
// heading is an alert's.
func TestAlertsExplained(t *testing.T) {
	t.Parallel()
	var rules ruleFile
	if err := yaml.Unmarshal([]byte(read(t, "../deploy/prometheus/alerts.yml")), &rules); err != nil {
		t.Fatal(err)
	}
	var alerts []string
	tests := read(t, "../deploy/prometheus/alerts_test.yml")
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			alerts = append(alerts, rule.Alert)
			if want := "deploy/docs/alerts.md#" + strings.ToLower(rule.Alert); rule.Annotations["runbook"] != want || rule.Annotations["summary"] == "" {
				t.Errorf("%s leads to %q, want %q, with the summary %q", rule.Alert, rule.Annotations["runbook"], want, rule.Annotations["summary"])
			}
			if !regexp.MustCompile(`alertname: ` + rule.Alert + `\n +exp_alerts:\n +- exp_labels`).MatchString(tests) {
				t.Errorf("no test has %s fire", rule.Alert)
			}
		}
	}
	page := read(t, "../deploy/docs/alerts.md")
	var headings []string
	for _, part := range strings.Split(page, "\n## ")[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		headings = append(headings, heading)
		if !strings.Contains(text, "**Means**") || !strings.Contains(text, "**Do**") {
			t.Errorf("%s: say what it means and what to do", heading)
		}
	}
	if !slices.Equal(headings, alerts) || len(alerts) < 10 {
		t.Errorf("alerts.md has %v, the rules have %v", headings, alerts)
	}
}

// TestDashboard: it finds its Prometheus by a variable, so that it can be imported anywhere.
func TestDashboard(t *testing.T) {
	t.Parallel()
	type source struct{ UID string }
	var dashboard struct {
		Templating struct{ List []struct{ Name, Type string } }
		Panels     []struct {
			Title, Description string
			Datasource         source
			Targets            []struct {
				Expr       string
				Datasource source
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, "../deploy/grafana/forcelogout.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	if v := dashboard.Templating.List; len(v) == 0 || v[0].Name != "datasource" || v[0].Type != "datasource" {
		t.Errorf("the variables are %+v", v)
	}
	if len(dashboard.Panels) < 10 {
		t.Errorf("%d panels", len(dashboard.Panels))
	}
	for _, panel := range dashboard.Panels {
		if panel.Datasource.UID != "${datasource}" || panel.Description == "" || len(panel.Targets) == 0 {
			t.Errorf("%s: %+v", panel.Title, panel)
		}
		for _, target := range panel.Targets {
			if target.Datasource.UID != "${datasource}" || len(metricNames(target.Expr)) == 0 {
				t.Errorf("%s: %+v", panel.Title, target)
			}
		}
	}
}
