package job

import (
	"errors"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

const seq = 7 // of the message in hand

// TestNoteGoesOn: the next worker knows what the note of the one before says.
func TestNoteGoesOn(t *testing.T) {
	t.Parallel()
	c := classifier(t, nil)
	for _, effect := range []Effect{None, Possible, Claimed} {
		j := in(used(2), withdrawn)
		j.Effect, j.QueryFirst, j.Unread, j.Ending, j.Redelivered = effect, true, 1, true, true
		j.StartedAt, j.DueAt, j.OpenUntil = start, start.Add(time.Second), start.Add(2*time.Second)
		j.Answer, j.Trouble = gateway.Answer{Retcode: "900-002", Message: "no", HTTPStatus: 200}, "900-002 no"
		next := in(func(j *Job) { j.Delivery = 2 })
		next.Effect = Possible
		next.Resume(j.Note(seq, 1), 3, seq, c)
		if next.Note(seq, 1) != j.Note(seq, 1) {
			t.Errorf("%+v, want %+v", next, j)
		}
		if next.Verdict.Hint != NoRight || fresh().Verdict != (Verdict{}) {
			t.Errorf("the last answer means %+v", next.Verdict)
		}
	}
	silent := in(func(j *Job) { j.Delivery = 2 })
	silent.Resume(in(used(1)).Note(seq, 1), 3, seq, c)
	if silent.Verdict != (Verdict{}) {
		t.Errorf("a call without an answer means %+v", silent.Verdict)
	}
}

// TestResume: when an earlier worker may have called, and nobody wrote down what came of it.
func TestResume(t *testing.T) {
	t.Parallel()
	handedBack := messages.Parked{Sequence: seq, Delivery: 1, Calls: 1, DueAt: start.Add(time.Minute)}
	claim := messages.Parked{Sequence: seq, Claim: 1, Calls: 1, DueAt: start.Add(time.Minute)}
	for name, c := range map[string]struct {
		p        messages.Parked
		note     uint64
		delivery uint64
		doubtful bool
		doubt    bool
		calls    int
	}{
		"new":                              {delivery: 1},
		"nobody knows whether it is new":   {delivery: 1, doubtful: true, doubt: true},
		"again, without a note":            {delivery: 2, doubt: true},
		"handed back":                      {p: handedBack, note: 3, delivery: 2, calls: 1},
		"handed back, nobody knows":        {p: handedBack, note: 3, delivery: 2, doubtful: true, doubt: true, calls: 1},
		"handed back, and delivered twice": {p: handedBack, note: 3, delivery: 3, doubt: true, calls: 1},
		"claimed":                          {p: claim, note: 3, delivery: 2, doubt: true, calls: 1},
		"claimed by the first delivery":    {p: messages.Parked{Sequence: seq, Claim: 1}, note: 3, delivery: 1, doubt: true},
		"another message, called for":      {p: messages.Parked{Sequence: 5, Delivery: 1, Calls: 1}, note: 3, delivery: 1, doubt: true},
		"another message, claimed":         {p: messages.Parked{Sequence: 5, Claim: 1}, note: 3, delivery: 1, doubt: true},
		"another message, not called for":  {p: messages.Parked{Sequence: 5, Delivery: 1}, note: 3, delivery: 1},
		"it has ended":                     {p: messages.Parked{}, note: 3, delivery: 1, doubt: true},
		"withdrawn":                        {p: messages.Parked{Cancelled: &messages.Cancellation{At: start}}, note: 3, delivery: 1},
	} {
		j := in(func(j *Job) { j.Delivery, j.Doubtful, j.DueAt = c.delivery, c.doubtful, time.Time{} })
		j.Resume(c.p, c.note, seq, classifier(t, nil))
		doubt := j.Redelivered && j.QueryFirst && j.Effect == Possible
		if doubt != c.doubt || j.Redelivered != c.doubt || j.Calls != c.calls || j.Cancelled != c.p.Cancelled {
			t.Errorf("%s: %+v", name, j)
		}
		if at := !j.DueAt.IsZero(); at != (c.p.Sequence == seq && c.calls > 0 && c.p.Claim == 0 && c.delivery == 2) {
			t.Errorf("%s: due at %v", name, j.DueAt)
		}
	}
}

// TestTakeUp: what a note means that somebody has written since the last look.
func TestTakeUp(t *testing.T) {
	t.Parallel()
	by := &messages.Cancellation{At: start}
	for name, c := range map[string]struct {
		p      messages.Parked
		note   uint64
		err    error
		effect Effect
		calls  int
	}{
		"nothing":                       {},
		"withdrawn":                     {p: messages.Parked{Cancelled: by}, note: 3, err: ErrWithdrawn},
		"it has ended":                  {note: 3, err: ErrLost},
		"another message":               {p: messages.Parked{Sequence: 5, Delivery: 1}, note: 3, err: ErrLost},
		"our own claim":                 {p: messages.Parked{Sequence: seq, Claim: 3, ClaimedBy: "me"}, note: 3},
		"our claim, withdrawn":          {p: messages.Parked{Sequence: seq, Claim: 3, ClaimedBy: "me", Cancelled: by}, note: 3, err: ErrWithdrawn},
		"a claim of a later delivery":   {p: messages.Parked{Sequence: seq, Claim: 4, ClaimedBy: "me"}, note: 3, err: ErrLost},
		"another process's claim":       {p: messages.Parked{Sequence: seq, Claim: 2, ClaimedBy: "you"}, note: 3, err: ErrLost},
		"another claim, withdrawn":      {p: messages.Parked{Sequence: seq, Claim: 2, ClaimedBy: "you", Cancelled: by}, note: 3, err: ErrLost},
		"handed back as this delivery":  {p: messages.Parked{Sequence: seq, Delivery: 3}, note: 3, err: ErrLost},
		"handed back as a later one":    {p: messages.Parked{Sequence: seq, Delivery: 4}, note: 3, err: ErrLost},
		"handed back just before":       {p: messages.Parked{Sequence: seq, Delivery: 2, Calls: 9}, note: 3},
		"left late":                     {p: messages.Parked{Sequence: seq, Delivery: 1, Calls: 2}, note: 3, effect: Possible, calls: 2},
		"left late, the gateway has it": {p: messages.Parked{Sequence: seq, SignedOut: true, Calls: 2}, note: 3, effect: Claimed, calls: 2},
	} {
		j := in(func(j *Job) { j.Delivery = 3 })
		err := j.TakeUp("me", c.p, c.note, seq)
		if !errors.Is(err, c.err) || j.Effect != c.effect || j.Calls != c.calls || j.QueryFirst != (c.effect != None) {
			t.Errorf("%s: %v, %+v", name, err, j)
		}
		if !errors.Is(err, ErrLost) && j.Cancelled != c.p.Cancelled {
			t.Errorf("%s: withdrawn by %v", name, j.Cancelled)
		}
	}
}

// TestRestsUntil: a claim is respected for AckWait; one from a clock that is ahead no
// longer than from now.
func TestRestsUntil(t *testing.T) {
	t.Parallel()
	const ackWait = 15 * time.Second
	for claimed, want := range map[time.Time]time.Time{
		start.Add(-5 * time.Second): start.Add(10 * time.Second),
		start.Add(time.Hour):        start.Add(ackWait),
	} {
		if got := RestsUntil(messages.Parked{Claim: 1, ClaimedAt: claimed}, ackWait, start); !got.Equal(want) {
			t.Errorf("claimed at %v: until %v, want %v", claimed, got, want)
		}
	}
	if got := RestsUntil(messages.Parked{ClaimedAt: start}, ackWait, start); !got.IsZero() {
		t.Errorf("without a claim: until %v", got)
	}
}

// TestWithdrawn: past its consumer a command ends as withdrawn only where no call can have
// done anything.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		job  *Job
		ends bool
	}{
		"not withdrawn": {fresh(), false}, "withdrawn": {in(withdrawn), true},
		"possible": {in(withdrawn, possible), false}, "claimed": {in(withdrawn, claimed), false},
	} {
		end, ends := c.job.Withdrawn()
		if ends != c.ends || ends != (end.Outcome() == messages.OutcomeCancelled) {
			t.Errorf("%s: %v, %+v", name, ends, end)
		}
	}
}

// TestConfirmed: a result tells whether the sign-out was seen.
func TestConfirmed(t *testing.T) {
	t.Parallel()
	for presence, want := range map[gateway.Presence]bool{gateway.PresenceSignedOut: true, gateway.PresenceUnknown: false} {
		j := in(claimed)
		Decide(j, Seen{What: Confirmed, State: gateway.State{Presence: presence}}, policy(), start)
		if j.Confirmed == nil || *j.Confirmed != want {
			t.Errorf("%v: %v", presence, j.Confirmed)
		}
	}
	if j := fresh(); Decide(j, answer(retcode.Success, NoHint), policy(), start).Do != End || j.Confirmed != nil {
		t.Errorf("nobody looked: %v", j.Confirmed)
	}
}
