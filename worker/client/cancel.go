package client

import (
	"context"
	"errors"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Cancel withdraws commands that have not been executed, wherever they are, and
// calls answer for each. It waits for the results of those that workers have in hand,
// but no longer than wait after all others are answered, and then answers Open. A
// command that is left when the context ends is answered Open as well, and the error is
// the context's.
func (c *Client) Cancel(ctx context.Context, vcc string, which Selection, by messages.Cancellation, wait time.Duration, answer func(Withdrawal)) error {
	if err := errors.Join(messages.ValidateVCC(vcc), by.Validate()); err != nil {
		return err
	}
	feed, err := c.Results(ctx, Filter{VCC: vcc})
	if err != nil {
		return err
	}
	defer feed.Close()
	w := withdrawing{Client: c, vcc: vcc, by: by, say: answer, answered: map[string]bool{}, open: map[string]*open{}}
	targets, err := w.targets(ctx, which)
	if err != nil {
		w.leave(targets, err)
		return err
	}
	for len(targets) > 0 {
		n := min(chunk, len(targets))
		if err := w.insist(ctx, func() error { return w.withdraw(ctx, w.unanswered(targets[:n])) }); err != nil {
			w.leave(targets, err) // what is wrong with one chunk is wrong with the next
			w.end()
			return err
		}
		clear(targets[:n]) // what was read of them may go
		targets = targets[n:]
	}
	return w.decided(ctx, feed, wait)
}

// insistTime is how long Cancel goes on with a chunk of commands while NATS does not
// answer.
const insistTime = time.Minute

// withdrawing is one run of Cancel.
type withdrawing struct {
	*Client
	vcc      string
	by       messages.Cancellation
	say      func(Withdrawal)
	answered map[string]bool
	open     map[string]*open // commands that a worker may have
	deaf     bool             // workers have not answered a nudge
}

// insist repeats what failed, as long as NATS may come back.
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

// unanswered are those of the commands that have no answer yet and that no worker has.
func (w *withdrawing) unanswered(all []*open) []*open {
	var left []*open
	for _, o := range all {
		if w.open[o.id] == nil && !w.answered[o.id] {
			left = append(left, o)
		}
	}
	return left
}

func (w *withdrawing) answer(one Withdrawal) {
	w.answered[one.ID] = true
	w.say(one)
}

// leave answers that commands are undecided.
func (w *withdrawing) leave(all []*open, err error) {
	for _, o := range w.unanswered(all) {
		w.answer(Withdrawal{ID: o.id, WorkNo: o.workNo, Answer: Open, Err: err})
	}
}

// decided waits for the results of commands that workers have in hand.
func (w *withdrawing) decided(ctx context.Context, feed *Results, wait time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	defer w.end()
	for len(w.open) > 0 {
		result, _, err := feed.Next(waiting)
		if waiting.Err() != nil {
			return ctx.Err() // that the time of wait is over is no error
		}
		if err != nil {
			return err
		}
		if w.open[result.ID] != nil {
			delete(w.open, result.ID)
			w.answer(late(result.ID, &result))
		}
	}
	return nil
}

// end answers that the commands which a worker may still have are undecided.
func (w *withdrawing) end() {
	for id, o := range w.open {
		w.answer(Withdrawal{ID: id, WorkNo: o.workNo, Answer: Open})
	}
	clear(w.open)
}
