package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// scenario makes some lines of the table.
type scenario struct {
	name    string
	targets []target
	run     func(context.Context, *lab) (readings, error)
}

// target is what a reading of a scenario shall be: the first target is about the
// first reading, and so on.
type target struct {
	op    string // ">=", "<=" or "<"
	value float64
}

// row is a target and what came of it.
type row struct {
	Reading string  `json:"reading"`
	Target  string  `json:"target"`
	Median  float64 `json:"median"`
	Met     bool    `json:"met"`
}

func (t target) met(v float64) bool {
	switch t.op {
	case ">=":
		return v >= t.value
	case "<=":
		return v <= t.value
	default:
		return v < t.value
	}
}

func (t target) String() string { return fmt.Sprintf("%s %g", t.op, t.value) }

// readings are a run's numbers, those with a target first.
type readings []reading

type reading struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

func (r *readings) add(name string, value float64, unit string) {
	*r = append(*r, reading{name, value, unit})
}

// spent adds what processes have taken.
func (r *readings) spent(of string, processes ...*process) {
	for _, p := range processes {
		u := p.usage()
		r.add(of+": "+p.name+" CPU", u.cpu.Seconds(), "s")
		r.add(of+": "+p.name+" memory", u.peak, "MiB")
	}
}

// line is a scenario with its runs.
type line struct {
	Scenario string    `json:"scenario"`
	Rows     []row     `json:"rows"`
	Readings []*spread `json:"readings"`
}

// spread is a reading over the runs.
type spread struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Median float64   `json:"median"`
	Runs   []float64 `json:"runs"`
}

// report is the whole outcome.
type report struct {
	When    time.Time         `json:"when"`
	Command string            `json:"command"`
	Machine string            `json:"machine"`
	Module  map[string]string `json:"versions"`
	Lines   []*line           `json:"scenarios"`
}

func newReport(l *lab) *report {
	r := &report{
		When: time.Now().UTC().Truncate(time.Second), Command: "go run -C deploy/bench . " + strings.Join(os.Args[1:], " "),
		Machine: machine(), Module: map[string]string{"go": runtime.Version()},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			switch m.Path {
			case "github.com/nats-io/nats.go", "github.com/ThreeDotsLabs/watermill-nats/v2", "github.com/ThreeDotsLabs/watermill":
				r.Module[m.Path] = m.Version
			}
		}
	}
	if out, err := exec.Command(l.nats, "--version").Output(); err == nil {
		r.Module["nats-server"] = strings.TrimSpace(strings.TrimPrefix(string(out), "nats-server:"))
	}
	return r
}

func machine() string {
	text := fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	info, _ := os.ReadFile("/proc/cpuinfo")
	for row := range strings.Lines(string(info)) {
		if name, is := strings.CutPrefix(row, "model name"); is {
			return text + ", " + strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return text
}

// measure runs the scenarios with matching names.
func (r *report) measure(ctx context.Context, l *lab, names *regexp.Regexp, runs int) error {
	for _, s := range scenarios() {
		if !names.MatchString(s.name) {
			continue
		}
		for n := range runs {
			fmt.Fprintf(os.Stderr, "%s, run %d of %d\n", s.name, n+1, runs)
			found, err := s.run(ctx, l)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			r.add(s, found)
		}
	}
	return nil
}

func (r *report) add(s scenario, found readings) {
	if len(r.Lines) == 0 || r.Lines[len(r.Lines)-1].Scenario != s.name {
		r.Lines = append(r.Lines, &line{Scenario: s.name})
	}
	l := r.Lines[len(r.Lines)-1]
	for _, one := range found {
		at := slices.IndexFunc(l.Readings, func(have *spread) bool { return have.Name == one.Name })
		if at < 0 {
			at = len(l.Readings)
			l.Readings = append(l.Readings, &spread{Name: one.Name, Unit: one.Unit})
		}
		have := l.Readings[at]
		have.Runs = append(have.Runs, one.Value)
		have.Median = median(have.Runs)
	}
	l.Rows = l.Rows[:0]
	for i, t := range s.targets {
		about := l.Readings[i]
		l.Rows = append(l.Rows, row{about.Name, t.String(), about.Median, t.met(about.Median)})
	}
}

func median(values []float64) float64 {
	sorted := slices.SortedFunc(slices.Values(values), cmp.Compare[float64])
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// print writes the ratios first and what they were made of below.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%s\n%s, %s\n", r.Command, r.Machine, r.When.Format(time.RFC3339))
	for _, name := range slices.Sorted(maps.Keys(r.Module)) {
		fmt.Fprintf(w, "%s %s\n", name, r.Module[name])
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SCENARIO\tREADING\tMEDIAN\tTARGET\tMET\tRUNS")
	for _, l := range r.Lines {
		for i, row := range l.Rows {
			met := "yes"
			if !row.Met {
				met = "NO"
			}
			of := l.Readings[i]
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Scenario, row.Reading, number(of.Median, of.Unit), row.Target, met, numbers(of.Runs))
		}
	}
	_ = table.Flush()
	for _, l := range r.Lines {
		fmt.Fprintf(w, "\n%s\n", l.Scenario)
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, s := range l.Readings {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", s.Name, number(s.Median, s.Unit), numbers(s.Runs))
		}
		_ = table.Flush()
	}
}

func number(v float64, unit string) string { return strings.TrimSpace(short(v) + " " + unit) }

func numbers(values []float64) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = short(v)
	}
	return strings.Join(texts, " ")
}

// short has three digits that count.
func short(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

func (r *report) write(file string) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}
