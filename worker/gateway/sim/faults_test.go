package sim

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPlan: scripted answers come one per call, then the rules hold again.
func TestPlan(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	r.SetFaults(Faults{FailRate: 1, Retcode: "900-001"})
	r.Plan("30001", Answer{Retcode: "900-003", Message: "busy"}, Answer{Retcode: "900-004", Effect: true})
	r.Plan("30001", Answer{Retcode: "0"}, Answer{HTTPStatus: 503, Retcode: "000-004"},
		Answer{HTTPStatus: 429, Header: http.Header{"Retry-After": {"7"}}, Body: []byte("slow")})
	want := []struct {
		status  int
		retcode string
		body    string
		effect  bool
	}{
		{200, "900-003", `{"message":"busy","retcode":"900-003","result":{}}`, false},
		{200, "900-004", `{"message":"","retcode":"900-004","result":{}}`, true},
		{200, "0", `{"message":"","retcode":"0","result":{}}`, false}, // already out
		{503, "000-004", `{"message":"","retcode":"000-004","result":{}}`, false},
		{429, "", "slow", false},
		{200, "900-001", `{"message":"simulated failure","retcode":"900-001","result":{}}`, false},
	}
	for i, w := range want {
		got := r.forceLogout("30001")
		if got.status != w.status || got.body != w.body {
			t.Errorf("call %d: answer %d %q, want %+v", i, got.status, got.body, w)
		}
		if call := r.CallsTo("30001", OpForceLogout)[i]; call.Effect != w.effect || call.Retcode != w.retcode || call.Seq != i+1 {
			t.Errorf("call %d: record %+v, want %+v", i, call, w)
		}
		if w.status == 429 && got.header.Get("Retry-After") != "7" {
			t.Errorf("header %v", got.header)
		}
	}
	if r.Plan("30002", Answer{Effect: true}); r.forceLogout("30002").Retcode != "900-001" || r.Agent("30002").SignedIn {
		t.Error("a script without an answer should leave the answer to the rules")
	}
}

// TestPlanNotTaken: a session that is gone shows through every script.
func TestPlanNotTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	r.Plan("30001", Answer{Retcode: "900-004"})
	r.EndSession(inspectorNo)
	if got := r.forceLogout("30001"); got.Retcode != "100-006" {
		t.Errorf("without a session: %+v", got)
	}
	r.GiveSession(inspectorNo, guid)
	if got := r.forceLogout("30001"); got.Retcode != "900-004" {
		t.Errorf("with a session: %+v", got)
	}
}

// TestFaults: what a client sees of each fault, and what the record says.
func TestFaults(t *testing.T) {
	t.Parallel()
	cases := map[Fault]struct {
		status int
		effect bool
		check  func(said, error) bool
	}{
		FaultReset:      {0, false, func(_ said, err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		FaultAnswerLost: {0, true, func(_ said, err error) bool { return errors.Is(err, io.EOF) }},
		FaultHTML: {502, false, func(s said, err error) bool {
			return err == nil && s.header.Get("Content-Type") == "text/html" && strings.HasPrefix(s.body, "<html>")
		}},
		FaultHuge: {200, false, func(s said, err error) bool {
			return err == nil && len(s.body) == 10<<20 && json.Valid([]byte(s.body))
		}},
		FaultRedirect: {302, false, func(s said, err error) bool {
			return err == nil && s.header.Get("Location") == forceLogoutPath(inspectorNo, "30001")+"/elsewhere"
		}},
		FaultHalfJSON: {200, false, func(s said, err error) bool { return err == nil && s.body != "" && !json.Valid([]byte(s.body)) }},
		FaultEmpty:    {200, false, func(s said, err error) bool { return err == nil && s.body == "" }},
	}
	for fault, c := range cases {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Config{})
			r.Plan("30001", Answer{Fault: fault})
			got, err := r.do(r.ctx, http.MethodPost, forceLogoutPath(inspectorNo, "30001"), guid, nil)
			if got.status != c.status || !c.check(got, err) {
				t.Errorf("got %d %.80q, %v", got.status, got.body, err)
			}
			call := r.Calls()[0]
			if call.Fault != fault || call.HTTPStatus != c.status || call.Effect != c.effect || call.Retcode != "" || call.End.Before(call.Start) {
				t.Errorf("record %+v", call)
			}
			if r.Agent("30001").SignedIn == c.effect {
				t.Errorf("signed in: %v", !c.effect)
			}
			if got := r.forceLogout("30001"); got.status != 200 {
				t.Errorf("next call: %+v", got)
			}
		})
	}
}

// TestFailingCalls: they fail as the faults say, with the retcode or without an answer.
func TestFailingCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	r.SetFaults(Faults{FailRate: 1})
	if got := r.forceLogout("30001"); got.Retcode != "900-002" || !r.Agent("30001").SignedIn {
		t.Errorf("%q", got.body)
	}
	r.SetFaults(Faults{FailRate: 1, Fault: FaultAnswerLost})
	got, err := r.do(r.ctx, http.MethodPost, forceLogoutPath(inspectorNo, "30001"), guid, nil)
	if err == nil || r.Agent("30001").SignedIn {
		t.Errorf("%q, error %v", got.body, err)
	}
}

// TestHang: it ends when the client goes away, also one that has sent a body,
// and is recorded then.
func TestHang(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"no body": "", "body": strings.Repeat("x", 100_000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Config{})
			r.SetFaults(Faults{HangRate: 1})
			ctx, cancel := context.WithCancel(r.ctx)
			gone := make(chan error, 1)
			go func() {
				_, err := r.do(ctx, http.MethodPost, forceLogoutPath(inspectorNo, "30001"), guid, strings.NewReader(body))
				gone <- err
			}()
			r.awaitInFlight(1)
			if got := r.forceLogout("30001"); got.Retcode != "000-007" {
				t.Errorf("second call meanwhile: %+v", got)
			}
			cancel()
			if err := <-gone; !errors.Is(err, context.Canceled) {
				t.Errorf("client's error: %v", err)
			}
			call, err := r.AwaitCall(r.ctx, func(c Call) bool { return c.Fault == FaultHang })
			if err != nil || !call.Abandoned || call.HTTPStatus != 0 || call.Effect || !r.Agent("30001").SignedIn {
				t.Errorf("record %+v, %v", call, err)
			}
			r.SetFaults(Faults{})
			if got := r.forceLogout("30001"); got.Retcode != "0" {
				t.Errorf("after the hang: %+v", got)
			}
		})
	}
}

// TestLatency: a client that gives up does not prevent the effect.
func TestLatency(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*Gateway){
		"of all calls":   func(g *Gateway) { g.SetFaults(Faults{Latency: time.Hour}) },
		"of one answer":  func(g *Gateway) { g.Plan("30001", Answer{Delay: time.Hour}) },
		"then an answer": func(g *Gateway) { g.Plan("30001", Answer{Retcode: "0", Delay: time.Hour}) },
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Config{})
			prepare(r.Gateway)
			_, cancel := r.begin("30001")
			r.awaitInFlight(1)
			cancel()
			if call := r.awaitCall("30001"); !call.Effect || !call.Abandoned || call.Retcode != "0" {
				t.Errorf("record %+v", call)
			}
		})
	}
	r := newRig(t, Config{})
	r.SetFaults(Faults{Latency: time.Millisecond})
	r.Plan("30001", Answer{Delay: time.Millisecond})
	r.forceLogout("30001")
	if call := r.awaitCall("30001"); call.End.Sub(call.Start) < 2*time.Millisecond {
		t.Errorf("took %v, want 2 ms or more", call.End.Sub(call.Start))
	}
}

// TestRandomFaults: the seed decides, and about the wished share of calls fails.
func TestRandomFaults(t *testing.T) {
	t.Parallel()
	failing := func(seed uint64) (failed string) {
		r := newRig(t, Config{Seed: seed, AbsentRetcode: "0"})
		r.SetFaults(Faults{FailRate: 0.3})
		for range 200 {
			if r.forceLogout("30001").Retcode == "0" {
				failed += "."
			} else {
				failed += "x"
			}
		}
		return failed
	}
	first, again, other := failing(1), failing(1), failing(2)
	if first != again || first == other {
		t.Errorf("seed 1: %s\nagain:  %s\nseed 2: %s", first, again, other)
	}
	if n := strings.Count(first, "x"); n < 30 || n > 90 {
		t.Errorf("%d of 200 calls failed, want about 60", n)
	}
}
