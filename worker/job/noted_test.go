package job

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// TestNoted: what Decide notes on a job for the steps to come.
func TestNoted(t *testing.T) {
	t.Parallel()
	down := func(s Seen) Seen { s.Down = true; return s }
	by := func(s Seen) Seen { s.Inspector = "1001"; return s }
	open := func(j *Job) { j.OpenUntil = start.Add(time.Second) }
	first := func(j *Job) { j.QueryFirst = true }
	stays := Seen{What: Confirmed, State: gateway.State{Presence: gateway.PresenceSignedIn}}
	for name, c := range map[string]struct {
		job  *Job
		seen Seen
		want func(*Job) bool
	}{
		"withdrawn": {fresh(), Seen{What: Ready, Withdrawn: &messages.Cancellation{At: start}},
			func(j *Job) bool { return j.Cancelled != nil && j.Ending }},
		"the first withdrawal counts": {in(withdrawn), Seen{What: Ready, Withdrawn: &messages.Cancellation{At: start.Add(time.Hour)}},
			func(j *Job) bool { return j.Cancelled.At.Equal(start) }},
		"an attempt begins": {in(before, func(j *Job) { j.lookedAt, j.waitsFor = start, ForCall }), Seen{What: Secured},
			func(j *Job) bool { return !j.IsStale(start.Add(time.Minute)) && j.reason() == ForTime }},
		"told": {fresh(), by(told(gateway.PresenceSignedIn)),
			func(j *Job) bool { return j.IsStale(start.Add(freshTime)) && !j.IsStale(start.Add(freshTime-1)) }},
		"told: signed out": {fresh(), by(told(gateway.PresenceSignedOut)),
			func(j *Job) bool { return j.Inspector == "1001" }},
		"told: signed in, claimed": {in(claimed, first), told(gateway.PresenceSignedIn),
			func(j *Job) bool { return j.Effect == Claimed && !j.QueryFirst }},
		"told: signed in, while a call goes on": {in(possible, open), told(gateway.PresenceSignedIn),
			func(j *Job) bool { return j.Effect == Possible && !j.QueryFirst }},
		"told: signed in, used up, while a call goes on": {in(claimed, first, used(4), open), told(gateway.PresenceSignedIn),
			func(j *Job) bool { return j.QueryFirst && j.Effect == Claimed }},
		"told of withdrawn, while a call goes on": {in(withdrawn, possible, open), told(gateway.PresenceSignedIn),
			func(j *Job) bool { return j.QueryFirst && j.DueAt.Equal(j.OpenUntil) }},
		"unread": {in(possible), unread(),
			func(j *Job) bool { return j.Unread == 1 && j.Spent == 0 && strings.HasSuffix(j.Trouble, "no answer") }},
		"unread, a condition": {in(before, claimed), unread(),
			func(j *Job) bool { return j.Unread == 0 && j.Spent == 1 && strings.HasSuffix(j.Trouble, "no answer") }},
		"unread, the gateway is down": {in(possible), down(unread()),
			func(j *Job) bool { return j.Unread == 0 && j.Down && j.reason() == ForGateway }},
		"no right": {fresh(), by(answer(retcode.Transient, NoRight)),
			func(j *Job) bool { return j.Avoid == "1001" }},
		"another trouble after no right": {in(func(j *Job) { j.Avoid = "1002" }), by(answer(retcode.Transient, NoHint)),
			func(j *Job) bool { return j.Avoid == "" }},
		"another answer while a call goes on": {in(used(1), open), answer(retcode.Transient, NoHint),
			func(j *Job) bool { return !j.QueryFirst && j.Effect == None }},
		"an HTTP error with a retcode that is no success": {in(used(1)), answer(retcode.Transient, WholeGateway),
			func(j *Job) bool { return j.Effect == None }},
		"success under an HTTP error": {in(used(1)), Seen{What: Answered, Answer: gateway.Answer{HTTPStatus: 502, Retcode: "0"},
			Verdict: Verdict{Class: retcode.Transient, Hint: WholeGateway}},
			func(j *Job) bool { return j.Effect == Possible && j.QueryFirst }},
		"confirmed: still signed in": {in(used(1), claimed), stays,
			func(j *Job) bool {
				return j.QueryFirst && j.Confirmed != nil && !*j.Confirmed && strings.HasSuffix(j.Trouble, "stay signed in")
			}},
		"unknown for long, possible": {in(possible), Seen{What: UnknownHere, Delivery: lastUnknown, Err: errors.New("unknown")},
			func(j *Job) bool { return j.Orphan != nil && j.QueryFirst }},
		"expired with a trouble": {in(dies(0), used(1), func(j *Job) { j.Trouble = "HTTP 502" }), Seen{What: Ready},
			func(j *Job) bool { return strings.HasSuffix(j.Lapsed().Text(), "; the last call: HTTP 502") }},
	} {
		Decide(c.job, c.seen, policy(), start)
		if !c.want(c.job) {
			t.Errorf("%s: %+v", name, c.job)
		}
	}
}

// TestRests: how long the server keeps a command that cannot be called for.
func TestRests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		seen  Seen
		about time.Duration
	}{
		"no inspector":                 {Seen{What: NoInspector}, noInspector},
		"another inspector":            {Seen{What: NoInspector, Elsewhere: true}, otherInspector},
		"unknown inspector":            {Seen{What: UnknownHere}, unknownHere},
		"the gateway is down":          {Seen{What: GatewayDown}, 2 * policy().TrialPause},
		"the gateway is down, untried": {Seen{What: GatewayDown, Untried: true}, gatewayDown},
	} {
		c.seen.Delivery = 1
		step := Decide(fresh(), c.seen, policy(), start)
		if d := step.Until.Sub(start); step.Do != Yield || d < c.about*9/10 || d > c.about*11/10+time.Nanosecond {
			t.Errorf("%s: %+v, want a rest of about %v", name, step, c.about)
		}
	}
}

// TestTooLittleLifeAndNoPlace: a command that waits for its end goes on to do so with the
// server.
func TestTooLittleLifeAndNoPlace(t *testing.T) {
	t.Parallel()
	j := in(dies(50 * time.Millisecond))
	Decide(j, Seen{What: Secured, Delivery: 1}, policy(), start)
	got := Decide(j, Seen{What: NoPlace, Delivery: 1}, policy(), start)
	if got.Do != Yield || got.For != ForTime || !got.Until.Equal(j.Expires) {
		t.Errorf("%+v", got)
	}
}

// TestOvertakenOftenAndSeldom: the rest after somebody else's call grows while calls are
// refused in a row, and is short again after another answer.
func TestOvertakenOftenAndSeldom(t *testing.T) {
	t.Parallel()
	j := fresh()
	overtaken := func() time.Duration {
		Decide(j, answer(retcode.Transient, TooFast), policy(), start)
		return j.DueAt.Sub(start)
	}
	shortest := policy().Retry.Initial * 3 / 2
	var last time.Duration
	for range 6 {
		last = overtaken()
	}
	if last <= shortest {
		t.Errorf("the sixth in a row rests %v only", last)
	}
	Decide(j, answer(retcode.Transient, NoHint), policy(), start)
	if d := overtaken(); d > shortest+time.Nanosecond {
		t.Errorf("the first after another answer rests %v", d)
	}
}

// TestRenewalsInARow: a session that is refused now and then does not let its command rest.
func TestRenewalsInARow(t *testing.T) {
	t.Parallel()
	j := fresh()
	for i := range 3 * maxRenewals {
		if got := Decide(j, answer(retcode.Session, NoHint), policy(), start); got.Do != Secure {
			t.Fatalf("refused for the %d. time, never twice in a row: %+v", i+1, got)
		}
		Decide(j, answer(retcode.Transient, TooFast), policy(), start)
		j.DueAt = time.Time{}
	}
}

// TestStill: what the agent's state, told once more right before the call, forbids.
func TestStill(t *testing.T) {
	t.Parallel()
	fine := Verdict{Class: retcode.Success}
	in1 := gateway.State{Presence: gateway.PresenceSignedIn}
	onCall, later := in1, in1
	onCall.Doing, later.SignedInAt = gateway.OnCall, start
	for name, c := range map[string]struct {
		job   *Job
		state gateway.State
		v     Verdict
		still bool
	}{
		"no condition":            {fresh(), in1, fine, true},
		"no condition, unread":    {fresh(), gateway.State{}, unread().Verdict, true},
		"no condition, on a call": {fresh(), onCall, fine, true},
		"signed out":              {in(before), gateway.State{Presence: gateway.PresenceSignedOut}, fine, false},
		"not signed in again":     {in(before), in1, fine, true},
		"signed in later":         {in(before), later, fine, false},
		"unread":                  {in(before), in1, unread().Verdict, false},
		"idle":                    {in(polite), in1, fine, true},
		"on a call":               {in(polite), onCall, fine, false},
		"nobody knows":            {in(polite), gateway.State{}, fine, false},
		"on a call, grace only":   {in(polite, func(j *Job) { j.Command.WhenIdle = false }), onCall, fine, true},
		"later, no limit":         {in(polite), later, fine, true},
	} {
		if got := c.job.Still(c.state, c.v, start); got != c.still {
			t.Errorf("%s: %v", name, got)
		}
		if out := c.state.Presence == gateway.PresenceSignedOut; c.job.QueryFirst != out {
			t.Errorf("%s: a question comes first: %v", name, c.job.QueryFirst)
		}
	}
	if fresh().IsStale(start.Add(time.Hour)) {
		t.Error("a state that nobody asked for is stale")
	}
}
