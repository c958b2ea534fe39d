package job

import (
	"errors"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/clock"
)

// What a note that somebody has written since the last look can mean.
var (
	// ErrLost: another delivery has the command, or has ended it.
	ErrLost = errors.New("the lease ran out, another worker has the command")
	// ErrWithdrawn: it was withdrawn.
	ErrWithdrawn = errors.New("the command was withdrawn")
)

// Note returns what the next worker must know. The sequence and the delivery name what the
// note ends; a delivery of 0 ends none.
func (j *Job) Note(seq, delivery uint64) messages.Parked {
	return messages.Parked{
		Sequence: seq, Delivery: delivery, Calls: j.Calls, Spent: j.Spent,
		Unread: j.Unread, Ending: j.Ending,
		Redelivered: j.Redelivered, Ask: j.QueryFirst, Possible: j.Effect == Possible, SignedOut: j.Effect == Claimed || j.Out != nil,
		StartedAt: j.StartedAt, DueAt: j.DueAt, OpenUntil: j.OpenUntil,
		Retcode: j.Answer.Retcode, Message: j.Answer.Message, HTTPStatus: j.Answer.HTTPStatus, Error: j.Trouble,
		AgentState: j.AgentState, Unasked: j.Unasked, WrapUpSince: j.WrapUpSince,
		Cancelled: j.Cancelled, Out: j.Out,
	}
}

// Recall takes over what a note says. The classifier says what the last answer means.
func (j *Job) Recall(p messages.Parked, c *Classifier) {
	j.Calls, j.Spent, j.Redelivered, j.QueryFirst = p.Calls, p.Spent, p.Redelivered, p.Ask
	switch {
	case p.SignedOut:
		j.Effect = Claimed
	case p.Possible:
		j.Effect = Possible
	default:
		j.Effect = None
	}
	j.Unread, j.Ending = p.Unread, p.Ending
	j.StartedAt, j.DueAt, j.OpenUntil = p.StartedAt, p.DueAt, p.OpenUntil
	j.Answer.Retcode, j.Answer.Message, j.Answer.HTTPStatus = p.Retcode, p.Message, p.HTTPStatus
	if j.Answer.HTTPStatus != 0 {
		j.Verdict = c.Call(j.Answer, nil)
	}
	j.Trouble = p.Error
	j.Out = p.Out
	j.AgentState, j.Unasked, j.WrapUpSince = p.AgentState, p.Unasked, p.WrapUpSince
}

// Resume takes up a command where its last note, with the sequence note, has left it. The
// present delivery is of the message seq. A note of the delivery just before this one says
// that the command was handed back in good order. All else says that a worker ended in the
// middle, or may still be at it, and may have called the gateway.
func (j *Job) Resume(p messages.Parked, note, seq uint64, c *Classifier) {
	j.Cancelled = p.Cancelled
	ours := p.Sequence == seq
	switch {
	case ours && p.Claim == 0 && p.Delivery == j.Delivery-1:
		j.Recall(p, c)
	case ours:
		j.Recall(p, c)
		j.Doubt()
		j.DueAt = j.Command.NotBefore
	case j.Delivery > 1, p.Calls > 0, p.Claim > 0, hasEnded(p, note):
		j.Doubt()
	}
	if j.Doubtful {
		j.Doubt()
	}
}

// TakeUp decides what a note means that somebody has written since the last look. The
// command is lost where another delivery has claimed it, was handed back or has ended it;
// what an earlier delivery has left late is taken over.
func (j *Job) TakeUp(self string, p messages.Parked, note, seq uint64) error {
	ours := p.Sequence == seq
	othersClaim := p.Claim != 0 && (p.Claim > j.Delivery || p.ClaimedBy != self)
	switch {
	case hasEnded(p, note), p.IsOfAnother(seq), ours && othersClaim, ours && p.Delivery >= j.Delivery:
		return ErrLost
	case ours && p.Claim == 0 && p.Delivery != j.Delivery-1:
		j.Calls, j.Spent = max(j.Calls, p.Calls), max(j.Spent, p.Spent)
		j.Doubt()
		if p.SignedOut {
			j.raise(Claimed)
		}
	}
	if p.Out != nil { // whoever wrote it, the agent is signed out
		j.Out = p.Out
	}
	j.Cancelled = p.Cancelled
	if p.Cancelled != nil {
		return ErrWithdrawn
	}
	return nil
}

// hasEnded reports whether the note says that the command has ended. Then there is a
// result, even if the ledger was asked too early to show it.
func hasEnded(p messages.Parked, note uint64) bool {
	return note != 0 && p.Sequence == 0 && p.Cancelled == nil
}

// RestsUntil is until when a worker that has claimed the command may be in a call for it.
func RestsUntil(p messages.Parked, ackWait time.Duration, now time.Time) time.Time {
	if p.Claim == 0 {
		return time.Time{}
	}
	return clock.Earlier(p.ClaimedAt, now).Add(ackWait)
}
