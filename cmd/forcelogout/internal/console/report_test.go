package console

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// evening is the one of the package report's own tests.
func evening(t *testing.T) report.Report {
	t.Helper()
	data, err := os.ReadFile("../../../../worker/report/testdata/evening.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var all []client.Past
	for line := range bytes.Lines(data) {
		r, err := messages.DecodeResult(line)
		if err == nil {
			all = append(all, client.Past{Result: r})
		}
	}
	return reportOf(t, "2026-11-25", all...)
}

func reportOf(t *testing.T, date string, all ...client.Past) report.Report {
	t.Helper()
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	day, err := report.ParseDay(date, "", time.Now(), madrid)
	if err != nil {
		t.Fatal(err)
	}
	r := report.Of(report.Query{Day: day}, all...)
	r.AsOf = day.To.Add(time.Hour)
	return r
}

// TestReport: the table of an evening is the one that was looked at.
func TestReport(t *testing.T) {
	t.Parallel()
	for name, width := range map[string]int{"report80.txt": 80, "report.txt": math.MaxInt} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Report(&out, evening(t), width); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				line = strings.TrimRight(line, "\n")
				if size := uniseg.StringWidth(line); size > width || strings.HasSuffix(line, " ") {
					t.Errorf("%d columns: %q", size, line)
				}
			}
			file := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), want) {
				t.Errorf("go test -run TestReport -update writes it anew, look at it then:\n%s", out.String())
			}
		})
	}
}

// TestReportPrintable: nothing from outside plays with the terminal or forges a line.
func TestReportPrintable(t *testing.T) {
	t.Parallel()
	evil := "x\n22:00  22:00:00  30001  ✓ signed out\x1b[2J\u202e\t" + strings.Repeat("w", 300)
	at := time.Date(2026, 11, 25, 18, 0, 0, 0, time.UTC)
	past := client.Past{Result: messages.Result{
		ID: evil, VCC: evil, WorkNo: evil, Inspector: evil, Reason: evil, RequestedBy: evil, Meta: map[string]string{"name": evil, "team": evil, "shift": evil},
		Outcome: messages.Outcome(evil), Cause: messages.Cause(evil), Error: evil, FinishedAt: at,
	}}
	var out bytes.Buffer
	if err := Report(&out, reportOf(t, "2026-11-25", past), 80); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\u202e\t") {
		t.Errorf("%q", out.String())
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "22:00") {
			t.Errorf("forged: %q", line)
		}
	}
}
