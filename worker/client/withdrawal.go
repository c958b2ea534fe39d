package client

import (
	"bytes"
	"fmt"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Withdrawn is what became of the wish to withdraw a command.
type Withdrawn string

// The answers. Cancelled is certain: the command will not be executed, and its result
// will say so when a worker comes to the command, or earlier.
const (
	Cancelled Withdrawn = "cancelled"
	TooLate   Withdrawn = "too late"  // the command has another result
	Unknown   Withdrawn = "unknown"   // there is no such command
	Open      Withdrawn = "undecided" // a worker has the command and has not said yet what came of it, or Err says more
)

// Withdrawal is the answer for one command.
type Withdrawal struct {
	ID     string
	WorkNo string // "" where the agent is not known
	Answer Withdrawn
	Result *messages.Result // nil where the command has none yet
	Err    error            // why the command is undecided, where that is not a worker's doing
}

// String is the answer for people.
func (w Withdrawal) String() string {
	switch {
	case w.Answer == TooLate:
		return fmt.Sprintf("%s: %s at %s", w.Answer, w.Result.Outcome, w.Result.FinishedAt.Local().Format(time.DateTime))
	case w.Answer == Open && w.Err != nil:
		return fmt.Sprintf("%s: %v", w.Answer, w.Err)
	case w.Answer == Open:
		return string(w.Answer) + ": a worker has it"
	}
	return string(w.Answer)
}

// mayMatch reports whether a command whose JSON is data can match. It costs a fraction of
// decoding the command, which is spared for all that others have planned.
func (s Selection) mayMatch(data []byte) bool {
	// JSON can write a text in another way only with a backslash.
	return bytes.IndexByte(data, '\\') >= 0 || bytes.Contains(data, []byte(s.WorkNo)) && bytes.Contains(data, []byte(s.Shift))
}

// late is the answer for a command that has a result.
func late(id string, r *messages.Result) Withdrawal {
	if r.Outcome == messages.OutcomeCancelled {
		return Withdrawal{ID: id, WorkNo: r.WorkNo, Answer: Cancelled, Result: r}
	}
	return Withdrawal{ID: id, WorkNo: r.WorkNo, Answer: TooLate, Result: r}
}

// Selection says which commands of a VCC to withdraw: those with the ids; without ids,
// all that have not ended and match every other field that is set.
type Selection struct {
	IDs         []string
	WorkNo      string
	Shift       string // meta.shift
	Meta        map[string]string
	From, Until time.Time      // due at From or later, and before Until. A command without a time is due when the stream took it
	Day         string         // of the shift, as 2026-11-25
	Loc         *time.Location // whose calendar tells the day
}

// dated reports whether it matters when a command is due.
func (s Selection) dated() bool { return !s.From.IsZero() || !s.Until.IsZero() || s.Day != "" }

// Matches reports whether a command that has not ended is meant, by anything but its id.
func (s Selection) Matches(c messages.Command, due time.Time) bool {
	return (s.Day == "" || (Entry{Command: c, Due: due}).Day(s.Loc) == s.Day) && (Scope{Meta: s.Meta}).hasMeta(c) && (s.WorkNo == "" || c.WorkNo == s.WorkNo) && (s.Shift == "" || c.Meta["shift"] == s.Shift) &&
		(s.From.IsZero() || !due.Before(s.From)) && (s.Until.IsZero() || due.Before(s.Until))
}
