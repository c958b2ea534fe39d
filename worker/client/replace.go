package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Replacement is a file that takes the place of what was planned before.
type Replacement struct {
	VCC      string
	Rows     []Wanted
	Scope    Scope
	Loc      *time.Location        // whose calendar tells the day of a shift
	Brake    Brake                 // on withdrawing
	By       messages.Cancellation // in the results of what is withdrawn
	Patience time.Duration         // while NATS does not answer; 0 means DefaultPatience
	Wait     time.Duration         // for workers that have a withdrawn command in hand
}

// Brake bounds what a replacement may withdraw: a file that is cut off must not empty the
// evening. The zero value allows everything.
type Brake struct {
	None    bool // nothing may be withdrawn
	Percent int  // of what the file speaks for; 0 for no bound
	Free    int  // so many may be withdrawn in any case
}

// BrakeError says that a replacement would withdraw more than it may.
type BrakeError struct{ Withdrawn, Of, Percent int }

func (e *BrakeError) Error() string {
	return fmt.Sprintf("the file would withdraw %d of %d commands, more than %d%%: nothing was changed", e.Withdrawn, e.Of, e.Percent)
}

func (b Brake) check(changes []Change, of int) error {
	n := 0
	for _, c := range changes {
		if c.Kind == Removed {
			n++
		}
	}
	if n == 0 || !b.None && (b.Percent == 0 || n <= b.Free || n*100 <= b.Percent*of) {
		return nil
	}
	return &BrakeError{Withdrawn: n, Of: of, Percent: b.Percent}
}

// Preview is what Replace would do now.
func (c *Client) Preview(ctx context.Context, r Replacement) ([]Change, error) {
	rows, err := once(r.Rows, r.Scope)
	if err != nil {
		return nil, err
	}
	open, past, err := c.known(ctx, r.VCC, rows)
	if err != nil {
		return nil, err
	}
	s := situation{wanted: rows, open: open, past: past, scope: r.Scope, loc: r.Loc, now: time.Now()}
	changes := s.decide()
	return changes, r.Brake.check(changes, s.inScope())
}

// replaceTries is how often Replace looks again whether all that it has written stands.
const replaceTries = 5

// ErrUnsettled: what a replacement writes does not stay, because somebody else changes
// the same plan.
var ErrUnsettled = errors.New("others have changed the same plan meanwhile")

// Replace makes what is planned what the file says, and calls each for every change.
// Whatever stops it, the same again completes it. An error says that not all is done.
//
// Nothing is withdrawn before a look at the plan has shown that all that is new stands:
// the time of a command may come while it is being moved.
func (c *Client) Replace(ctx context.Context, r Replacement, each func(Change)) error {
	done := map[string]Change{} // by id
	for range replaceTries {
		changes, err := c.Preview(ctx, r)
		if err != nil {
			return err
		}
		r.Brake = Brake{} // it holds for what was planned at first
		if !unwritten(changes) {
			return c.retire(ctx, r, told(changes, done), each)
		}
		if err := c.store(ctx, r, changes, done); err != nil {
			return fmt.Errorf("%w (nothing was withdrawn yet; the same again completes it)", err)
		}
	}
	return fmt.Errorf("%w: the same again completes it", ErrUnsettled)
}

func unwritten(changes []Change) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.order != nil })
}

// told are the changes as they were when they were made.
func told(changes []Change, done map[string]Change) []Change {
	for i, now := range changes {
		if before, is := done[now.ID]; is && now.Kind != Removed {
			before.retire = now.retire
			changes[i] = before
		}
	}
	return changes
}

// store publishes what is new and then what is moved. An order whose id stands for
// another command by now is left to the next look.
func (c *Client) store(ctx context.Context, r Replacement, changes []Change, done map[string]Change) error {
	byID := map[string]Change{}
	orders := func(yield func(Order, error) bool) {
		for _, moves := range []bool{false, true} {
			for _, change := range changes {
				if change.order == nil || moves == change.From.IsZero() {
					continue
				}
				byID[change.ID] = change
				o := *change.order
				o.VCC = r.VCC
				if !yield(o, nil) {
					return
				}
			}
		}
	}
	var refused error
	err := c.Publish(ctx, r.Patience, orders, func(got Receipt) {
		id := got.Order.Command.ID
		switch {
		case got.Err == nil:
			if change, again := byID[id], done[id]; again.ID == "" {
				change.order = nil
				done[id] = change
			}
		case errors.Is(got.Err, ErrEnded), errors.Is(got.Err, ErrWithdrawn), errors.Is(got.Err, ErrTaken):
		case refused == nil:
			refused = fmt.Errorf("agent %s: %w", got.Order.Command.WorkNo, got.Err)
		}
	})
	return cmp.Or(err, refused)
}

// retire withdraws what is not wanted any more, and tells all changes.
func (c *Client) retire(ctx context.Context, r Replacement, changes []Change, each func(Change)) error {
	about := map[string]int{}
	var ids []string
	for i, change := range changes {
		for _, id := range change.retire {
			about[id] = i
			ids = append(ids, id)
		}
		if change.Kind != Removed {
			each(change)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return c.Cancel(ctx, r.VCC, Selection{IDs: ids}, r.By, r.Wait, func(w Withdrawal) {
		change := changes[about[w.ID]]
		switch {
		case w.Answer == Cancelled && change.Kind != Removed:
			return // the change itself was told
		case w.Answer == Open:
			change.Kind, change.Why = Unsure, w.String()
		case w.Answer != Cancelled:
			change.Kind, change.Why = Late, w.String()
		}
		change.ID, change.To = w.ID, time.Time{}
		each(change)
	})
}
