package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/messages/schematest"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// evening is the one of deploy/docs/report.md.
func evening() []messages.Result {
	at := func(day int, clock string) time.Time {
		t, err := time.Parse("15:04:05", clock)
		if err != nil {
			panic(err)
		}
		return time.Date(2025, 11, day, t.Hour(), t.Minute(), t.Second(), 0, time.FixedZone("CET", 3600))
	}
	seen := true
	result := func(workNo, name, team, shift string, planned, ended time.Time) messages.Result {
		return messages.Result{
			ID: shift + "-" + workNo, VCC: "default", WorkNo: workNo, Inspector: "1001", Reason: "shift-end", RequestedBy: "wfm",
			Meta:    map[string]string{"name": name, "team": team, "shift": shift},
			Outcome: messages.OutcomeSignedOut, Retcode: "0", HTTPStatus: 200, Attempts: 1, Confirmed: &seen,
			IssuedAt: at(25, "09:00:00"), NotBefore: planned, StartedAt: planned, FinishedAt: ended, Worker: "w1",
		}
	}
	all := []messages.Result{
		result("30012", "Ana García", "Nord", "S-18", at(25, "18:00:00"), at(25, "18:00:00")),
		result("30013", "Björn Ångström", "Nord", "S-18", at(25, "18:00:00"), at(25, "18:00:01")),
		result("30014", "Chloé Dubois", "Nord", "S-18", at(25, "18:00:00"), at(25, "18:11:20")),
		result("30015", "Fatma Yıldız", "Süd", "S-18", at(25, "18:00:00"), at(24, "16:30:00")),
		result("30016", "Jürgen Weiß", "Süd", "S-22", at(25, "22:00:00"), at(26, "00:12:07")),
		result("30017", "Ivan Petrov", "Süd", "S-22", at(26, "00:30:00"), at(26, "00:30:01")),
	}
	all[2].Outcome, all[2].Cause, all[2].Attempts, all[2].Confirmed = messages.OutcomeFailed, messages.CauseRetriesExhausted, 8, nil
	all[2].Error, all[2].Retcode = "still failing after 8 calls, the last: 900-003 resource not available", "900-003"
	all[3].Outcome, all[3].Cause, all[3].Attempts, all[3].Confirmed = messages.OutcomeCancelled, messages.CauseCancelled, 0, nil
	all[3].Inspector, all[3].Error, all[3].StartedAt = "", "withdrawn by planner: overtime", time.Time{}
	all[4].Attempts = 3
	return all
}

// stored stores results, as workers would, and returns the stream.
func stored(t *testing.T, url string, all ...messages.Result) jetstream.Stream {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	js, ctx := rig.JetStream(t, url), rig.Context(t)
	_, err := streams.Setup(ctx, js, streams.Plan{Prefix: messages.DefaultPrefix})
	must(err)
	for i, r := range all {
		msg, err := schematest.Told(messages.DefaultPrefix, r)
		must(err)
		msg.Header.Set(jetstream.MsgIDHeader, fmt.Sprint("told-", i)) // tests tell more than once under an id
		_, err = js.PublishMsg(ctx, msg)
		must(err)
	}
	stream, err := js.Stream(ctx, messages.DefaultPrefix.Stream("RESULTS"))
	must(err)
	return stream
}

// TestReportPage: what deploy/docs/report.md shows is what the program writes.
func TestReportPage(t *testing.T) {
	t.Parallel()
	url := rig.NATS(t)
	stored(t, url, evening()...)
	const file = "../../../../deploy/docs/report.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```console\n\\$ forcelogout (report[^\n]*)\n(.*?)```")
	shown := 0
	anew := block.ReplaceAllFunc(page, func(found []byte) []byte {
		parts := block.FindSubmatch(found)
		args, want := strings.Fields(string(parts[1])), string(parts[2])
		var out rig.Output
		code := Program{}.Run(rig.Context(t), append(args, "--nats", url), console.IO{Out: &out, Err: &out})
		if got := out.String(); code != exit.OK || got != want {
			t.Errorf("%s: exit %d,\n%s\nthe page shows\n%s", parts[1], code, got, want)
		}
		shown++
		return []byte("```console\n$ forcelogout " + string(parts[1]) + "\n" + out.String() + "```")
	})
	if shown < 3 {
		t.Errorf("the page shows %d commands", shown)
	}
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(file, anew, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReportFormats: each format of a report is whole, and of the day and VCC asked for.
func TestReportFormats(t *testing.T) {
	t.Parallel()
	url := rig.NATS(t)
	other := evening()[0]
	other.VCC = "other"
	stored(t, url, append(evening(), other)...)
	report := func(args ...string) string {
		t.Helper()
		code, out, errOut := invoke(rig.Context(t), append([]string{"report", "--nats", url, "--tz", "Europe/Madrid"}, args...)...)
		if code != exit.OK || errOut != "" {
			t.Fatalf("%v: exit %d, %s", args, code, errOut)
		}
		return out
	}
	lines, err := csv.NewReader(strings.NewReader(report("--on", "2025-11-25", "--csv"))).ReadAll()
	if err != nil || len(lines) != 7 {
		t.Errorf("CSV: %d lines, %v", len(lines), err)
	}
	if lines, err = csv.NewReader(strings.NewReader(report("--on", "2025-11-26", "--csv", "--vcc", "default"))).ReadAll(); err != nil || len(lines) != 2 {
		t.Errorf("CSV of the next day: %d lines, %v", len(lines), err)
	}
	if out := report("--on", "2025-11-26", "--vcc", "other"); !strings.Contains(out, "No sign-out") {
		t.Errorf("a day without results: %s", out)
	}
	var last struct {
		Kind    string
		Whole   bool
		Results int
		Agents  int
	}
	documents := strings.Split(strings.TrimSpace(report("--on", "2025-11-25", "--day-begins", "04:00", "--json")), "\n")
	if err := json.Unmarshal([]byte(documents[len(documents)-1]), &last); err != nil || last.Kind != "report" || !last.Whole || last.Results != 7 || len(documents) != 8 {
		t.Errorf("JSON: %d documents, the last %+v, %v", len(documents), last, err)
	}
	if page := report("--on", "2025-11-25", "--html"); !strings.HasSuffix(page, "</html>\n") || !strings.Contains(page, "Jürgen Weiß") {
		t.Errorf("HTML: %s", page)
	}
}

// TestReportIsWholeOrSaysSo: where part of a day is not kept any more, or cannot be read,
// the report says so and is no success.
func TestReportIsWholeOrSaysSo(t *testing.T) {
	t.Parallel()
	url := rig.NATS(t)
	stream := stored(t, url, evening()...)
	if err := stream.DeleteMsg(rig.Context(t), 1); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := invoke(rig.Context(t), "report", "--nats", url, "--tz", "Europe/Madrid", "--on", "2025-11-25")
	if code != exit.Failed || !strings.Contains(out, "Note: Results from before") || !strings.Contains(out, "30016") || !strings.Contains(errOut, "not whole") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	// Today is whole all the same.
	if code, out, errOut := invoke(rig.Context(t), "report", "--nats", url); code != exit.OK || !strings.Contains(out, "The day is not over") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
	code, _, errOut = invoke(rig.Context(t), "report", "--nats", url, "--prefix", "other")
	if code != exit.Failed || !strings.Contains(errOut, "forcelogout setup") {
		t.Errorf("no streams: exit %d, %s", code, errOut)
	}
	ctx, cancel := context.WithCancel(rig.Context(t))
	cancel()
	if code, out, _ := invoke(ctx, "report", "--nats", url); code != exit.Interrupted || out != "" {
		t.Errorf("interrupted: exit %d, %s", code, out)
	}
	var full bytes.Buffer
	if code := (Program{}).Run(rig.Context(t), []string{"report", "--nats", url, "--csv"}, console.IO{Out: broken{}, Err: &full}); code != exit.Failed {
		t.Errorf("a full disk: exit %d, %s", code, full.String())
	}
}

// broken is a full disk.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }
