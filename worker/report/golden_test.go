package report_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/worker/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestRenderings: each rendering of an evening is the one that was looked at.
func TestRenderings(t *testing.T) {
	t.Parallel()
	madrid := zone(t, "Europe/Madrid")
	r := reportOf(t, report.Query{Day: day(t, "2026-11-25", "", "Europe/Madrid")}, evening(madrid)...)
	r.AsOf = time.Date(2026, 11, 26, 7, 30, 0, 0, madrid)
	aged := r
	aged.KeptSince, aged.Unreadable = r.Day.From.Add(3*time.Hour), 2
	empty := reportOf(t, r.Query)
	empty.AsOf = r.Day.From.Add(time.Hour)
	for name, c := range map[string]struct {
		render func(io.Writer, report.Report) error
		report report.Report
	}{
		"evening.html": {report.HTML, r}, "evening.csv": {report.CSV, r}, "evening.ndjson": {report.JSON, r},
		"empty.html": {report.HTML, empty}, "empty.csv": {report.CSV, empty}, "empty.ndjson": {report.JSON, empty},
		"aged.html": {report.HTML, aged}, "aged.ndjson": {report.JSON, aged},
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := c.render(&got, c.report); err != nil {
				t.Fatal(err)
			}
			golden(t, name, got.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	gotLines, wantLines := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range min(len(gotLines), len(wantLines)) {
		if !bytes.Equal(gotLines[i], wantLines[i]) {
			t.Fatalf("line %d of %s is\n%s\nwant\n%s\n(go test -run Renderings -update writes it anew: look at it then)", i+1, name, gotLines[i], wantLines[i])
		}
	}
	t.Fatalf("%s has %d lines, want %d", name, len(gotLines), len(wantLines))
}
