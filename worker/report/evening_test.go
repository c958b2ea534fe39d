package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/report"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func day(t testing.TB, date, begins, zoneName string) report.Day {
	t.Helper()
	d, err := report.ParseDay(date, begins, time.Now(), zone(t, zoneName))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// evening is a shift end of 60 agents, with what goes wrong on a bad day, and with names
// as they come.
func evening(loc *time.Location) []messages.Result {
	names := []string{
		"Ana García", "Björn Ångström", "Chloé Dubois", "Đặng Thị Hạnh", "Ευγενία Παπά", "Fatma Yıldız", "山田 太郎", "יעל כהן", "محمد علي", "O'Brien, Seán",
		"<script>alert(1)</script>", `=HYPERLINK("http://evil.example";"click")`, "Maximiliana Theodora von und zu Hohenstein-Schillingsfürst-Wolkenburg",
		"a\u202egnp.exe", "Ivan Petrov", "Jürgen Weiß",
	}
	var all []messages.Result
	for i := range 60 {
		planned := time.Date(2026, 11, 25, 18, 0, 0, 0, loc)
		shift, team := "S-18", "Nord"
		switch {
		case i >= 48:
			planned, shift, team = planned.Add(4*time.Hour), "S-22", "Süd"
		case i >= 32:
			planned, shift, team = planned.Add(30*time.Minute), "S-18:30", "Süd"
		}
		ended := planned.Add(time.Duration(400+i*i*37%9000) * time.Millisecond)
		seen := i%3 != 0
		r := messages.Result{
			ID: fmt.Sprintf("%s-%d", shift, 30001+i), VCC: "default", WorkNo: fmt.Sprint(30001 + i), Inspector: "1001", Reason: "shift-end", RequestedBy: "wfm-feed",
			Meta:    map[string]string{"Name": names[i%len(names)], "team": team, "shift": shift},
			Outcome: messages.OutcomeSignedOut, Retcode: "0", HTTPStatus: 200, Attempts: 1, Confirmed: &seen,
			IssuedAt: planned.Add(-5 * time.Hour), NotBefore: planned, StartedAt: planned.Add(200 * time.Millisecond), FinishedAt: ended, Worker: "w1",
		}
		if i%16 < 2 {
			r.Meta["Name"] += fmt.Sprintf(" %d", i)
		}
		r.AgentState = []messages.AgentState{messages.AgentIdle, messages.AgentOnCall, messages.AgentIdle, messages.AgentWrapUp, messages.AgentIdle}[i%5]
		spoil(&r, i)
		all = append(all, r)
	}
	return all
}

// spoil makes a result one of those that a report is read for.
func spoil(r *messages.Result, i int) {
	end := func(o messages.Outcome, c messages.Cause, calls int, late time.Duration, text string) {
		r.Outcome, r.Cause, r.Attempts, r.FinishedAt, r.Error, r.Confirmed, r.AgentState = o, c, calls, r.NotBefore.Add(late), text, nil, ""
	}
	switch i {
	case 7:
		end(messages.OutcomeFailed, messages.CauseRefused, 1, time.Second, "the gateway refused: 000-002 bad parameter <img src=x onerror=alert(2)>")
	case 12:
		end(messages.OutcomeAlreadySignedOut, "", 0, 500*time.Millisecond, "")
	case 20, 21, 22:
		end(messages.OutcomeFailed, messages.CauseRetriesExhausted, 8, 11*time.Minute+time.Duration(i)*time.Second,
			"still failing after 8 calls, the last: 900-003 resource not available")
	case 25, 52:
		end(messages.OutcomeSuperseded, messages.CauseSuperseded, 0, 2*time.Second, "the agent signed in at 2026-11-25T16:58:10Z, after signedInBefore")
	case 33:
		end(messages.OutcomeCancelled, messages.CauseCancelled, 0, -26*time.Hour, "withdrawn by planner: overtime")
	case 40:
		end(messages.OutcomeExpired, messages.CauseExpiredWhileRetrying, 3, 15*time.Minute, "too late: it expired at 2026-11-25T17:45:00Z; the last call: 503")
	case 44:
		r.NotBefore, r.Reason, r.RequestedBy = time.Time{}, "seat is needed", strings.Repeat("supervisor ", 5)+"Meyer"
	case 5:
		back := true
		r.Returned, r.AgentState, r.Conditions = &back, messages.AgentUnknown, messages.ConditionsUnknown
	case 58:
		end(messages.OutcomeSignedOut, "", 3, 2*time.Hour+12*time.Minute, "")
	}
}

// reportOf is the report of results that a day has.
func reportOf(t testing.TB, q report.Query, results ...messages.Result) report.Report {
	t.Helper()
	past := make([]client.Past, len(results))
	for i, r := range results {
		past[i] = client.Past{Result: r, StoredAt: r.FinishedAt}
	}
	return report.Of(q, past...)
}
