package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// Withdrawn is what became of the wish to withdraw a command.
type Withdrawn string

// The answers. Cancelled is certain: the command will not be executed, and its
// result says so, at the latest when a worker comes to it.
const (
	Cancelled Withdrawn = "cancelled"
	TooLate   Withdrawn = "too late"  // it has another result
	Unknown   Withdrawn = "unknown"   // there is no such command
	Open      Withdrawn = "undecided" // a worker has it and has not said yet what came of it, or Err says more
)

// Withdrawal is the answer for one command.
type Withdrawal struct {
	ID     string
	WorkNo string // "" where it is not known
	Answer Withdrawn
	Result *messages.Result // nil where there is none yet
	Err    error            // why it is undecided, where that is not a worker's doing
}

// Selection says which commands of a VCC to withdraw: those with the ids, or else all
// that have not ended and match all the other fields that are set.
type Selection struct {
	IDs         []string
	WorkNo      string
	Shift       string    // meta.shift
	From, Until time.Time // due then or later; due before. A command for at once is due when it came
}

func (s Selection) matches(c messages.Command, due time.Time) bool {
	return (s.WorkNo == "" || c.WorkNo == s.WorkNo) && (s.Shift == "" || c.Meta["shift"] == s.Shift) &&
		(s.From.IsZero() || !due.Before(s.From)) && (s.Until.IsZero() || due.Before(s.Until))
}

// open is a command that has not ended: it is for later, or it waits in the
// command stream, where it also is while a worker has it.
type open struct {
	id      string
	workNo  string
	mayRun  time.Time // until then
	seq     uint64    // of the message that waits for workers; 0 for none
	stored  time.Time // when the stream took it; zero where that is not known
	held    bool      // NATS holds it for later
	note    messages.Parked
	noted   uint64 // the note's sequence, 0 for none
	unknown bool   // nothing has been found of it yet
	sought  bool   // among the messages that wait for workers
}

// found takes in the command that was found, and its message, 0 for none.
func (o *open) found(c messages.Command, seq uint64, stored time.Time) {
	o.workNo, o.mayRun, o.unknown = c.WorkNo, c.Expiry(time.Now(), anyMaxAge), false
	if o.seq == 0 {
		o.seq, o.stored = seq, stored
	}
}

// anyMaxAge is enough for any worker's --max-age, which ends commands that do not say
// themselves when they end.
const anyMaxAge = 24 * time.Hour

// Cancel withdraws commands that have not been executed, wherever they are, and
// calls answer for each. Those that workers have in hand it waits for, no longer than
// wait after all others are answered, and then answers Open. What is left when the
// context ends is answered Open as well.
func (c *Client) Cancel(ctx context.Context, vcc string, which Selection, by messages.Cancellation, wait time.Duration, answer func(Withdrawal)) error {
	if err := errors.Join(messages.ValidateVCC(vcc), by.Validate()); err != nil {
		return err
	}
	feed, err := c.Results(ctx, Filter{VCC: vcc})
	if err != nil {
		return err
	}
	defer feed.Close()
	w := withdrawing{Client: c, vcc: vcc, by: by, say: answer, answered: map[string]bool{}, open: map[string]open{}}
	targets, err := w.targets(ctx, which)
	if err != nil {
		w.leave(targets, err)
		return err
	}
	for len(targets) > 0 {
		n := min(chunk, len(targets))
		if err := w.insist(ctx, func() error { return w.withdraw(ctx, w.unanswered(targets[:n])) }); err != nil {
			w.leave(targets, err) // what is wrong with one chunk is wrong with the next
			return errors.Join(err, w.end())
		}
		targets = targets[n:]
	}
	return w.decided(ctx, feed, wait)
}

// insistTime is how long Cancel goes on with some commands where NATS does not answer.
const insistTime = time.Minute

// insist does something again while NATS may come back.
func (w *withdrawing) insist(ctx context.Context, do func() error) error {
	for begin := time.Now(); ; {
		err := do()
		if err == nil || lasting(err) || ctx.Err() != nil || time.Since(begin) > insistTime {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(againTime):
		}
	}
}

// unanswered are those of the commands that have no answer yet and are not with a
// worker.
func (w *withdrawing) unanswered(all []open) []*open {
	var left []*open
	for i := range all {
		if _, waits := w.open[all[i].id]; !waits && !w.answered[all[i].id] {
			left = append(left, &all[i])
		}
	}
	return left
}

// withdrawing is one run of Cancel.
type withdrawing struct {
	*Client
	vcc      string
	by       messages.Cancellation
	say      func(Withdrawal)
	answered map[string]bool
	open     map[string]open // a worker may have them
	deaf     bool            // workers do not answer
}

func (w *withdrawing) answer(one Withdrawal) {
	w.answered[one.ID] = true
	w.say(one)
}

// targets finds the commands that are meant.
func (w *withdrawing) targets(ctx context.Context, which Selection) ([]open, error) {
	if len(which.IDs) == 0 {
		return w.search(ctx, which)
	}
	var all []open
	seen := make(map[string]bool, len(which.IDs))
	for _, id := range which.IDs {
		if err := messages.ValidateID(id); err != nil {
			return nil, err
		}
		if !seen[id] {
			seen[id] = true
			all = append(all, open{id: id, unknown: true})
		}
	}
	// One that NATS holds, or a worker has handed back, or has ended, is found by its id.
	var unseen []*open
	for rest := all; len(rest) > 0; {
		n := min(chunk, len(rest))
		var found map[key]*facts
		err := w.insist(ctx, func() (err error) {
			found, err = w.look(ctx, w.ask(rest[:n]))
			return err
		})
		if err != nil {
			return all, err
		}
		for i := range rest[:n] {
			if f := found[key{w.vcc, rest[i].id}]; f.result == nil && f.held == nil && f.note.Sequence == 0 {
				unseen = append(unseen, &rest[i])
			}
		}
		rest = rest[n:]
	}
	return all, w.insist(ctx, func() error { return w.locate(ctx, unseen) })
}

func (w *withdrawing) ask(all []open) []target {
	targets := make([]target, len(all))
	for i, o := range all {
		targets[i] = target{key{w.vcc, o.id}, o.workNo}
	}
	return targets
}

// locate finds commands in the stream that have no trace but their message: no worker
// has had them, or their time has just come.
func (w *withdrawing) locate(ctx context.Context, all []*open) error {
	if len(all) == 0 {
		return nil
	}
	wanted := make(map[string]*open, len(all))
	for _, o := range all {
		wanted[o.id] = o
	}
	err := w.waiting(ctx, func(command messages.Command, msg stored) bool {
		// The oldest message is the one that is executed.
		if o := wanted[command.ID]; o != nil {
			o.found(command, msg.seq, msg.at)
			delete(wanted, command.ID)
		}
		return len(wanted) > 0
	})
	for _, o := range all {
		o.sought = err == nil
	}
	return err
}

// waiting calls do for the commands that wait for workers, the oldest first.
func (w *withdrawing) waiting(ctx context.Context, do func(messages.Command, stored) bool) error {
	subject := w.prefix.Commands(w.vcc)
	if n, _, err := w.count(ctx, w.names.Commands, subject); err != nil || n == 0 {
		return err
	}
	return w.passOf(ctx, w.names.Commands, subject, func(msg stored) bool {
		command, err := messages.DecodeCommand(msg.data)
		return err != nil || do(command, msg)
	})
}

// search finds open commands by what they are: first those that are for later, then
// those that wait for workers, so that one that comes to its time meanwhile is met.
func (w *withdrawing) search(ctx context.Context, which Selection) ([]open, error) {
	var found []open
	at := map[string]int{}
	add := func(command messages.Command, seq uint64, stored time.Time) {
		i, there := at[command.ID]
		if !there {
			i = len(found)
			at[command.ID] = i
			found = append(found, open{id: command.ID})
		}
		found[i].found(command, seq, stored)
	}
	var failed error
	err := w.payloads(ctx, w.names.Commands, w.prefix.Schedule(w.vcc, messages.AnyToken), func(data []byte) {
		command, err := messages.DecodeCommand(data)
		if err != nil || failed != nil {
			return
		}
		due := command.NotBefore
		if due.IsZero() && !(which.From.IsZero() && which.Until.IsZero()) {
			due, failed = w.heldUntil(ctx, command.ID)
		}
		if which.matches(command, due) {
			add(command, 0, time.Time{})
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return found, err
	}
	return found, w.waiting(ctx, func(command messages.Command, msg stored) bool {
		due := command.NotBefore
		if due.IsZero() {
			due = msg.at
		}
		if which.matches(command, due) {
			add(command, msg.seq, msg.at)
		}
		return true
	})
}

// heldUntil is the time of a schedule whose command does not say it.
func (w *withdrawing) heldUntil(ctx context.Context, id string) (time.Time, error) {
	msg, err := w.next(ctx, w.names.Commands, 1, w.prefix.Schedule(w.vcc, id))
	if errors.Is(err, errNoMessage) {
		return time.Time{}, nil // it has come to its time
	}
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, strings.TrimPrefix(msg.header.Get(jetstream.ScheduleHeader), "@at "))
	if err != nil {
		return msg.at, nil // a schedule of another kind
	}
	return at, nil
}

// leave answers that commands are undecided.
func (w *withdrawing) leave(all []open, err error) {
	for _, o := range all {
		if _, waits := w.open[o.id]; !waits && !w.answered[o.id] {
			w.answer(Withdrawal{ID: o.id, WorkNo: o.workNo, Answer: Open, Err: err})
		}
	}
}

// decided waits for the results of commands that workers have in hand.
func (w *withdrawing) decided(ctx context.Context, feed *Results, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for len(w.open) > 0 {
		result, _, err := feed.Next(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return errors.Join(err, w.end())
		}
		if _, waits := w.open[result.ID]; waits {
			delete(w.open, result.ID)
			w.answer(late(result.ID, &result))
		}
	}
	return w.end()
}

// end answers for what is open.
func (w *withdrawing) end() error {
	for id, o := range w.open {
		w.answer(Withdrawal{ID: id, WorkNo: o.workNo, Answer: Open})
	}
	clear(w.open)
	return nil
}

func late(id string, r *messages.Result) Withdrawal {
	if r.Outcome == messages.OutcomeCancelled {
		return Withdrawal{ID: id, WorkNo: r.WorkNo, Answer: Cancelled, Result: r}
	}
	return Withdrawal{ID: id, WorkNo: r.WorkNo, Answer: TooLate, Result: r}
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
