package sim

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
)

// TestHold: held calls are in flight, undecided, until the last release.
func TestHold(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	releaseFirst, releaseSecond := r.Hold(), r.Hold()
	first, _ := r.begin("30001")
	second, _ := r.begin("30002")
	gone, goAway := r.begin("30003")
	r.awaitInFlight(3)
	goAway()
	if call := r.awaitCall("30003"); call.Effect || !call.Abandoned || call.Fault != FaultHang {
		t.Errorf("held call whose client went away: %+v", call)
	}
	<-gone
	if got := r.forceLogout("30001"); got.Retcode != "000-007" {
		t.Errorf("second call for a held one: %+v", got)
	}
	if _, fields := r.state("30001"); fields["status"] != "4" {
		t.Errorf("state during the hold: %v", fields)
	}
	releaseFirst()
	releaseFirst() // counts once
	r.Plan("30002", Answer{Retcode: "900-004"})
	if n := len(r.CallsTo("30002", OpForceLogout)); n != 0 {
		t.Errorf("%d calls ended before the last release", n)
	}
	releaseSecond()
	if a, b := <-first, <-second; a.Retcode != "0" || b.Retcode != "900-004" {
		t.Errorf("answers %+v, %+v", a, b)
	}
	if got := r.forceLogout("30004"); got.Retcode != "0" {
		t.Errorf("after the release: %+v", got)
	}
	if n := r.MaxInFlight(); n != 3 {
		t.Errorf("%d calls were in flight at once, want 3", n)
	}
}

// TestCallLog: the oldest calls go first, exactly.
func TestCallLog(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{CallLog: 3})
	for i := range 8 {
		r.forceLogout(strconv.Itoa(30001 + i))
	}
	var kept []string
	for _, call := range r.Calls() {
		kept = append(kept, fmt.Sprint(call.Seq, " ", call.WorkNo))
	}
	if fmt.Sprint(kept) != "[6 30006 7 30007 8 30008]" {
		t.Errorf("kept %v", kept)
	}
	if call := r.awaitCall("30007"); call.Seq != 7 {
		t.Errorf("awaited %+v", call)
	}
}

// TestAwait: past calls count, the context ends the wait, and match may ask the
// gateway.
func TestAwait(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	r.forceLogout("30001")
	if call := r.awaitCall("30001"); !call.Effect {
		t.Errorf("past call: %+v", call)
	}
	awaited := make(chan Call)
	waiting := make(chan struct{})
	tell := sync.OnceFunc(func() { close(waiting) })
	go func() {
		call, _ := r.AwaitCall(r.ctx, func(c Call) bool {
			tell()
			return c.WorkNo == "30002" && !r.Agent("30002").SignedIn && len(r.Calls()) > 0
		})
		awaited <- call
	}()
	<-waiting
	r.forceLogout("30002")
	if call := <-awaited; call.WorkNo != "30002" {
		t.Errorf("coming call: %+v", call)
	}
	ended, cancel := context.WithCancel(r.ctx)
	cancel()
	if _, err := r.AwaitCall(ended, func(Call) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("AwaitCall: %v", err)
	}
	if err := r.AwaitInFlight(ended, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("AwaitInFlight: %v", err)
	}
}

// TestManyAtOnce: the record has every call once, in order, with the effects of
// exactly as many as agents.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	const agents, rounds = 50, 8
	r := newRig(t, Config{})
	var wg sync.WaitGroup
	for range rounds {
		wg.Go(func() {
			for i := range agents {
				r.forceLogout(strconv.Itoa(30001 + i))
			}
		})
	}
	wg.Wait()
	calls, effects := r.Calls(), 0
	for i, call := range calls {
		if call.Seq != i+1 || call.Start.After(call.End) {
			t.Fatalf("call %d: %+v", i, call)
		}
		if call.Effect {
			effects++
		}
	}
	if len(calls) != agents*rounds || effects != agents || r.MaxInFlight() > rounds {
		t.Errorf("%d calls, %d effects, %d at once", len(calls), effects, r.MaxInFlight())
	}
}
