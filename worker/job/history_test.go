package job

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// A history is what one command meets in all the workers that have it, one after the
// other: the gateway, sessions, withdrawals and shutdowns at random. It is checked against
// rules that know nothing of how Decide comes to its steps.
type history struct {
	*rand.Rand
	classifier *Classifier
	policy     Policy
	job        *Job
	now        time.Time
	by         *messages.Cancellation
	protected  bool
	ended      *Ending

	calls   int
	counted int              // answered in a way that counts
	claimed bool             // the gateway said so
	open    bool             // a call may have worked, and no query has been answered since
	doubted bool             // the same, and no answer has said that the agent is signed in
	others  time.Time        // somebody else's call may be under way until then
	broken  error            // a rule, by a call
	told    gateway.State    // by the last query
	kept    *messages.Parked // the note of a sign-out, once it is stored
	done    bool             // the agent is signed out, and only a look is to come
	past    []moment
}

const (
	historiesPerSeed = 3_000 // a hundred seeds; -rapid.checks for more
	mostSteps        = 4000
)

// TestHistories: no call after the expiry, after a cancellation that was seen, or beyond
// the attempts; none for a protected agent, nor for one who is on a call and may
// end it; none while a call may have worked and no query was answered; a claimed
// sign-out never ends as cancelled, and one that was noted never as anything but done, with
// no call after it; every history ends; the reason of a wait is the true
// one.
func TestHistories(t *testing.T) {
	t.Parallel()
	c := classifier(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		var past []moment // one piece of memory for all
		for i := range uint64(historiesPerSeed) {
			h := newHistory(c, seed, i)
			h.past = past[:0]
			if h.run() != nil {
				t.Fatalf("%v\n%s", h.broken, h)
			}
			past = h.past
		}
	})
}

func newHistory(c *Classifier, seed, i uint64) *history {
	h := &history{Rand: rand.New(rand.NewPCG(seed, i)), classifier: c, now: start}
	h.policy = Policy{
		Retry:       Retry{MaxAttempts: 1 + h.IntN(6), Initial: time.Duration(1+h.IntN(1000)) * time.Millisecond, Max: time.Duration(1+h.IntN(30)) * time.Second},
		CallTimeout: time.Duration(1+h.IntN(10)) * time.Second, TrialPause: 2 * time.Second, Confirm: h.chance(3),
	}
	cmd := messages.Command{ID: "a", WorkNo: "30012"}
	if h.chance(4) {
		cmd.NotBefore = start.Add(h.upTo(time.Minute))
	}
	if h.chance(4) {
		cmd.SignedInBefore = start.Add(-time.Hour)
	}
	if h.chance(4) {
		cmd.WhenIdle, cmd.GraceUntil = true, start.Add(h.upTo(time.Minute))
		if h.chance(2) {
			cmd.WrapUp = messages.Duration(time.Second + h.upTo(time.Minute))
		}
	}
	if h.chance(4) {
		cmd.StayOut = messages.Duration(10*time.Second + h.upTo(time.Minute))
	}
	h.job = New("default", cmd, start, start, time.Millisecond+h.upTo(3*time.Minute))
	h.job.Delivery = 1
	return h
}

func (h *history) chance(n int) bool { return h.IntN(n) == 0 }

func (h *history) upTo(d time.Duration) time.Duration { return time.Duration(h.Int64N(int64(d))) }

// moment is one decision.
type moment struct {
	at time.Duration
	Seen
	Step
}

// String is the history for people.
func (h *history) String() string {
	var b strings.Builder
	for _, m := range h.past {
		fmt.Fprintf(&b, "%8v seen %d %s %s/%d down %v withdrawn %v -> do %d for %s %v\n", m.at, m.What, m.State.Presence,
			m.Verdict.Class, m.Verdict.Hint, m.Down, m.Withdrawn != nil, m.Do, m.For, m.Ending)
	}
	return b.String()
}

func (h *history) run() error {
	seen := Seen{What: Ready}
	for h.ended == nil && h.broken == nil {
		if len(h.past) > mostSteps {
			h.broken = errors.New("it does not end")
			break
		}
		if h.by == nil && h.chance(25) {
			h.by = &messages.Cancellation{At: h.now}
		}
		if h.chance(30) {
			h.protected = !h.protected
		}
		seen.Withdrawn, seen.Delivery, seen.Protected = h.by, h.job.Delivery, h.protected
		step := Decide(h.job, seen, h.policy, h.now)
		h.past = append(h.past, moment{h.now.Sub(start), seen, step})
		if h.broken = h.check(step, seen); h.broken == nil {
			seen = h.do(step)
		}
	}
	return h.broken
}

// checkCall holds a call against the rules.
func (h *history) checkCall() error {
	switch {
	case h.job.Expires.Sub(h.now) < ShortestCall:
		return errors.New("a call after the expiry")
	case h.by != nil:
		return errors.New("a call after the cancellation")
	case h.protected:
		return errors.New("a call for a protected agent")
	case h.counted >= h.policy.Retry.MaxAttempts:
		return errors.New("a call beyond the attempts")
	case h.open:
		return errors.New("a call while an earlier one may have worked")
	case h.done:
		return errors.New("a call for an agent who was signed out")
	case h.cutsOff():
		return errors.New("a call that cuts off what the agent may end")
	default:
		return nil
	}
}

// cutsOff reports whether a call ends the agent's call, or after-call work, within its time.
func (h *history) cutsOff() bool {
	c := h.job.Command
	wrapsUp := h.told.Doing == gateway.WrapUp && h.told.For > 0 && h.told.For < time.Duration(c.WrapUp)
	return c.WhenIdle && h.now.Before(c.GraceUntil) &&
		(h.told.Presence == gateway.PresenceUnknown || h.told.Doing == gateway.OnCall || wrapsUp)
}

// check holds a step against the rules.
func (h *history) check(step Step, seen Seen) error {
	switch step.Do {
	case End:
		e := step.Ending
		h.ended = &e
		switch {
		case h.done && !e.Outcome().Success():
			return errors.New("a sign-out that was done is denied")
		case h.done && h.job.Returned != nil && h.now.Before(h.job.lookAt()):
			return errors.New("it was looked too early")
		case h.claimed && e.Outcome() == messages.OutcomeCancelled:
			return errors.New("a claimed sign-out ends as cancelled")
		case (h.open || h.now.Before(h.others)) && e.Outcome() == messages.OutcomeCancelled:
			return errors.New("cancelled while a call may have worked")
		case e.Cause() == messages.CauseProtected && (h.claimed || h.open || h.now.Before(h.others)):
			return errors.New("protected though a call has worked, or may have")
		case e.Cause() == messages.CauseProtected && !h.protected:
			return errors.New("protected by nobody")
		case e.Outcome() == messages.OutcomeExpired && h.now.Before(h.job.Expires):
			return errors.New("expired before its time")
		case e.Outcome() == messages.OutcomeCancelled && h.by == nil:
			return errors.New("cancelled by nobody")
		}
	case Wait, AwaitSession, Yield:
		if h.by != nil && h.done && seen.What != Draining {
			return errors.New("a withdrawn command waits for a look")
		}
		if h.by != nil && !h.doubted && !h.claimed && seen.What != Draining {
			return errors.New("a withdrawn command waits, and nothing is open")
		}
		if want := h.reason(seen); want != "" && step.For != want {
			return fmt.Errorf("it waits for %s, in truth for %s", step.For, want)
		}
		if step.Until.After(h.job.Until()) {
			return errors.New("a wait that is longer than its life")
		}
	case Drop, Settle, Leave:
		return fmt.Errorf("step %d without a reason", step.Do)
	}
	return nil
}

// reason is what the command waits for in truth, "" where a history cannot tell.
func (h *history) reason(seen Seen) Reason {
	if h.done {
		return ForStayOut
	}
	switch seen.What {
	case SessionPending, NoInspector:
		return ForSession
	case GatewayDown:
		return ForGateway
	case Paced:
		return ForPace
	case Answered:
		if seen.Down && seen.Verdict.Class == retcode.Transient && seen.Verdict.Hint != TooFast {
			return ForGateway
		}
		if seen.Verdict.Class == retcode.Session {
			return ForSession
		}
		return ForRetry
	case Ready:
		if h.job.Calls == 0 && h.now.Before(h.job.Command.NotBefore) && h.job.DueAt.Equal(h.job.Command.NotBefore) {
			return ForTime
		}
	}
	return ""
}

// do plays the world's part.
func (h *history) do(step Step) Seen {
	switch step.Do {
	case Wait, AwaitSession:
		return h.wait(step)
	case Yield:
		return h.yield(step)
	case Secure:
		return Seen{What: Secured}
	case Query:
		return h.query()
	case Call:
		return h.call()
	case Keep:
		h.done = true
		if h.chance(10) {
			return Seen{What: Kept, Err: errors.New("NATS is away")}
		}
		p := h.job.Note(7, 0)
		h.kept = &p
		return Seen{What: Kept}
	case Confirm:
		return Seen{What: Confirmed, State: gateway.State{Presence: gateway.Presence(h.IntN(3))}}
	}
	return Seen{}
}

func (h *history) wait(step Step) Seen {
	switch {
	case h.chance(10):
		return Seen{What: Draining}
	case h.chance(10):
		return Seen{What: NoPlace}
	case step.Do == AwaitSession:
		h.now = h.now.Add(h.upTo(5 * time.Second))
	case step.Until.After(h.now):
		h.now = step.Until
	}
	return Seen{What: Ready}
}

// yield lets another worker go on from the note, which may not have been written.
func (h *history) yield(step Step) Seen {
	if step.Until.After(h.now) {
		h.now = step.Until
	}
	h.now = h.now.Add(time.Millisecond)
	p := h.job.Note(7, h.job.Delivery)
	next := New("default", h.job.Command, start, start, h.job.Expires.Sub(start))
	next.Expires, next.Delivery = h.job.Expires, h.job.Delivery+1
	if h.chance(20) {
		// The worker dies instead: AckWait passes, and nothing is known.
		h.now = h.now.Add(15 * time.Second)
		cancelled := p.Cancelled
		p = messages.Parked{}
		if h.kept != nil {
			p = *h.kept
		} else {
			h.open, h.doubted, h.counted, h.claimed = true, true, 0, false
		}
		p.Cancelled = cancelled
	}
	next.Resume(p, 1, 7, h.classifier)
	h.job = next
	return Seen{What: Ready}
}

func (h *history) query() Seen {
	if seen, barred := h.barred(); barred {
		return seen
	}
	h.now = h.now.Add(h.upTo(200 * time.Millisecond))
	seen := Seen{What: Told, Inspector: "1001"}
	defer func() { h.told = seen.State }()
	switch h.IntN(8) {
	case 0:
		seen.Verdict = Verdict{Class: retcode.Transient, Hint: WholeGateway}
		seen.Down = h.chance(4)
		return seen
	case 1:
		seen.Verdict = Verdict{Class: retcode.Session}
		return seen
	case 2:
		seen.Verdict = Verdict{Class: retcode.Permanent}
		h.open = false
	default:
		seen.Verdict = Verdict{Class: retcode.Success}
		seen.State = gateway.State{Presence: gateway.Presence(h.IntN(3)), Doing: gateway.Activity(h.IntN(6)), For: h.upTo(time.Minute)}
		if h.chance(3) {
			seen.State.SignedInAt = start.Add(-h.upTo(2 * time.Hour))
		}
		h.open = false
		if seen.State.Presence == gateway.PresenceSignedIn && !h.now.Before(h.others) {
			h.doubted = false
		}
	}
	return seen
}

func (h *history) call() Seen {
	if seen, barred := h.barred(); barred {
		return seen
	}
	h.broken = h.checkCall()
	defer func() { h.doubted = h.doubted || h.open }()
	h.job.Began("1001", h.now)
	h.calls++
	h.now = h.now.Add(h.upTo(200 * time.Millisecond))
	seen := Seen{What: Answered, Inspector: "1001", Answer: gateway.Answer{HTTPStatus: 200, Retcode: "900-003"}}
	switch h.IntN(9) {
	case 0:
		seen.Verdict, h.claimed = Verdict{Class: retcode.Success}, true
		return seen
	case 1:
		seen.Verdict = Verdict{Class: retcode.Permanent}
		return seen
	case 2:
		seen.Verdict = Verdict{Class: retcode.Session}
		return seen
	case 3, 4:
		seen.Answer, seen.Err = gateway.Answer{}, errors.New("reset")
		seen.Verdict, h.open = Verdict{Class: retcode.Transient, Hint: WholeGateway}, true
		h.others = h.now.Add(h.policy.CallTimeout)
		if seen.Down = h.chance(3); seen.Down {
			return seen
		}
	case 5:
		seen.Verdict, h.open = Verdict{Class: retcode.Transient, Hint: TooFast}, true
		h.others = h.now.Add(h.policy.CallTimeout)
		return seen
	case 6:
		seen.Verdict = Verdict{Class: retcode.Transient, Hint: AskState, Few: h.chance(2)}
	case 7:
		seen.Verdict = Verdict{Class: retcode.Transient, Hint: NeverReached}
		if seen.Down = h.chance(3); seen.Down {
			return seen
		}
	default:
		seen.Verdict = Verdict{Class: retcode.Transient}
	}
	h.counted++
	return seen
}

func (h *history) barred() (Seen, bool) {
	switch h.IntN(40) {
	case 0:
		return Seen{What: Draining}, true
	case 1:
		return Seen{What: SessionPending}, true
	case 2:
		return Seen{What: NoInspector, Elsewhere: h.chance(2)}, true
	case 3:
		return Seen{What: GatewayDown, Untried: h.chance(2)}, true
	case 4:
		return Seen{What: Paced, Until: h.now.Add(h.upTo(time.Minute))}, true
	}
	if h.job.Until().Sub(h.now) < ShortestCall {
		return Seen{What: TooLate}, true
	}
	return Seen{}, false
}
