package sim

import (
	"errors"
	"maps"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// TestAgentState: how each state looks, in both releases' types.
func TestAgentState(t *testing.T) {
	t.Parallel()
	login := time.UnixMilli(1_700_000_000_123)
	cases := map[string]struct {
		agent   *Agent
		strings map[string]any
		numbers map[string]any
	}{
		"idle by default": {
			strings: map[string]any{"status": "4", "ctiStatus": "1", "logindate": "1699975600000", "currentstatetime": "28860"},
			numbers: map[string]any{"status": 4., "ctiStatus": 1., "logindate": 1699975600000., "currentstatetime": 28860.},
		},
		"idle": {
			agent:   &Agent{SignedIn: true, LoginAt: login},
			strings: map[string]any{"status": "4", "ctiStatus": "1", "logindate": "1700000000123", "currentstatetime": "60"},
			numbers: map[string]any{"status": 4., "ctiStatus": 1., "logindate": 1700000000123., "currentstatetime": 60.},
		},
		"on a call": {
			agent:   &Agent{SignedIn: true, OnCall: true},
			strings: map[string]any{"status": "7", "ctiStatus": "4", "logindate": "1700004400000", "currentstatetime": "60"},
			numbers: map[string]any{"status": 7., "ctiStatus": 4., "logindate": 1700004400000., "currentstatetime": 60.},
		},
		"signed out": {
			agent:   &Agent{},
			strings: map[string]any{"status": "2", "ctiStatus": "0", "logindate": "4294967295000", "currentstatetime": "60"},
			numbers: map[string]any{"status": 2., "ctiStatus": 0., "logindate": 4294967295000., "currentstatetime": 60.},
		},
	}
	for name, c := range cases {
		for _, numbers := range []bool{false, true} {
			time0 := &clock{now: time.UnixMilli(1_700_004_400_000)}
			r := newRig(t, Config{Now: time0.Now, Numbers: numbers})
			if c.agent != nil {
				r.SetAgent("30001", *c.agent)
			}
			time0.now = time0.now.Add(time.Minute)
			got, fields := r.state("30001")
			want := c.strings
			if numbers {
				want = c.numbers
			}
			if got.Retcode != "0" || fields["workno"] != "30001" {
				t.Errorf("%s: answer %+v", name, got)
			}
			if _, is := fields["callids"].([]any); !is {
				t.Errorf("%s: callids %v, want an array", name, fields["callids"])
			}
			maps.DeleteFunc(fields, func(k string, _ any) bool { _, asked := want[k]; return !asked })
			if !maps.Equal(fields, want) {
				t.Errorf("%s: state %v, want %v", name, fields, want)
			}
			if call := r.CallsTo("30001", OpAgentState)[0]; call.Retcode != "0" || call.Effect || call.Inspector != inspectorNo {
				t.Errorf("%s: record %+v", name, call)
			}
		}
	}
}

// TestAgentStateRefused: the same checks as for the forced sign-out, but no need
// for the right to it.
func TestAgentStateRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	r.SetAgent("30009", Agent{Unknown: true})
	r.Forbid(inspectorNo, true)
	cases := map[string]struct{ inspector, target, guid, retcode string }{
		"unknown agent":   {inspectorNo, "30009", guid, "300-002"},
		"bad id":          {inspectorNo, "100", guid, "000-002"},
		"no session":      {"1002", "30001", guid, "100-006"},
		"wrong GUID":      {inspectorNo, "30001", "x", "000-003"},
		"no right":        {inspectorNo, "30001", guid, "0"},
		"inspector idle":  {inspectorNo, inspectorNo, guid, "0"},
		"other inspector": {inspectorNo, "1002", guid, "0"},
	}
	for name, c := range cases {
		got, err := r.do(r.ctx, http.MethodGet, statePath(c.inspector, c.target), c.guid, nil)
		if err != nil || got.status != 200 || got.Retcode != c.retcode {
			t.Errorf("%s: answer %+v, %v, want %s", name, got, err, c.retcode)
		}
	}
}

// TestPlanState: scripted answers to state queries, apart from those to forced
// sign-outs.
func TestPlanState(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	r.PlanState("30001", Answer{Retcode: "300-001"}, Answer{HTTPStatus: 500}, Answer{Fault: FaultReset, Effect: true})
	if got := r.forceLogout("30002"); got.Retcode != "0" {
		t.Errorf("forced sign-out: %+v", got)
	}
	if got, _ := r.state("30001"); got.Retcode != "300-001" {
		t.Errorf("first: %+v", got)
	}
	got, err := r.do(r.ctx, http.MethodGet, statePath(inspectorNo, "30001"), guid, nil)
	if err != nil || got.status != 500 {
		t.Errorf("second: %+v, %v", got, err)
	}
	r.client.CloseIdleConnections() // or net/http would repeat the GET by itself
	if _, err := r.do(r.ctx, http.MethodGet, statePath(inspectorNo, "30001"), guid, nil); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("third: %v", err)
	}
	if _, fields := r.state("30001"); fields["status"] != "4" {
		t.Errorf("then: %v", fields)
	}
}

// TestEffectDelay: the state changes by the clock, and a second call meanwhile
// is no second effect.
func TestEffectDelay(t *testing.T) {
	t.Parallel()
	time0 := &clock{now: time.UnixMilli(1_700_000_000_000)}
	r := newRig(t, Config{Now: time0.Now, EffectDelay: 3 * time.Second})
	for i, effect := range []bool{true, false} {
		if got := r.forceLogout("30001"); got.Retcode != "0" || r.Calls()[i].Effect != effect {
			t.Errorf("call %d: answer %+v, record %+v", i, got, r.Calls()[i])
		}
	}
	r.forceLogout("30002")
	r.SetAgent("30002", Agent{SignedIn: true}) // signed in anew: the old effect is over
	time0.now = time0.now.Add(3*time.Second - 1)
	if !r.Agent("30001").SignedIn {
		t.Error("signed out before the delay")
	}
	time0.now = time0.now.Add(1)
	if r.Agent("30001").SignedIn || !r.Agent("30002").SignedIn {
		t.Errorf("after the delay: %+v, %+v", r.Agent("30001"), r.Agent("30002"))
	}
	if got := r.forceLogout("30001"); got.Retcode != "900-003" {
		t.Errorf("absent: %+v", got)
	}
}
