package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// Withdrawn is what became of the wish to withdraw a command.
type Withdrawn string

// The answers. Cancelled is certain: the command will not be executed, and its
// result says so, at the latest when a worker comes to it.
const (
	Cancelled Withdrawn = "cancelled"
	TooLate   Withdrawn = "too late"  // it has another result
	Unknown   Withdrawn = "unknown"   // there is no such command
	Undecided Withdrawn = "undecided" // a worker has it, and has not said yet what came of it
)

// Withdrawal is the answer for one command.
type Withdrawal struct {
	ID     string
	WorkNo string // "" for an unknown command
	Answer Withdrawn
	Result *messages.Result // nil where there is none yet
}

// Selection says which commands of a VCC to withdraw: by id, or all open ones of an
// agent or a shift. Exactly one field is set.
type Selection struct {
	IDs    []string
	WorkNo string
	Shift  string // meta.shift
}

func (s Selection) matches(c messages.Command) bool {
	switch {
	case s.WorkNo != "":
		return c.WorkNo == s.WorkNo
	case s.Shift != "":
		return c.Meta["shift"] == s.Shift
	}
	return slices.Contains(s.IDs, c.ID)
}

// nudgeTime is how long a worker may need to look at a withdrawn command.
const nudgeTime = 5 * time.Second

// Cancel withdraws commands that have not been executed, wherever they are, and
// calls answer for each. It waits until the context ends for workers that have a
// command in hand, and answers Undecided then.
func (c *Client) Cancel(ctx context.Context, vcc string, which Selection, by messages.Cancellation, answer func(Withdrawal)) error {
	if err := by.Validate(); err != nil {
		return err
	}
	feed, err := c.Results(ctx, Filter{VCC: vcc})
	if err != nil {
		return err
	}
	defer feed.Close()
	found, err := c.find(ctx, vcc, which)
	if err != nil {
		return err
	}
	undecided := map[string]open{}
	for _, id := range ids(which, found) {
		w, err := c.withdraw(ctx, vcc, id, found[id], by)
		if err != nil {
			return fmt.Errorf("withdrawing %s: %w", id, err)
		}
		if w.Answer == Undecided {
			undecided[id] = found[id]
			continue
		}
		answer(w)
	}
	return c.decided(ctx, feed, undecided, answer)
}

// find locates the open commands that are meant, by id.
func (c *Client) find(ctx context.Context, vcc string, which Selection) (map[string]open, error) {
	found := map[string]open{}
	err := c.eachOpen(ctx, vcc, func(o open) bool {
		if !which.matches(o.command) {
			return true
		}
		first, there := found[o.command.ID]
		if !there {
			first = o
		}
		// The oldest message that waits is the one that is executed.
		if first.seq == 0 {
			first.seq = o.seq
		}
		found[o.command.ID] = first
		return true
	})
	return found, err
}

func ids(which Selection, found map[string]open) []string {
	if len(which.IDs) > 0 {
		return slices.Compact(slices.Clone(which.IDs))
	}
	all := make([]string, 0, len(found))
	for id := range found {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// withdraw puts the note beside one command, and then finds out what that is worth.
func (c *Client) withdraw(ctx context.Context, vcc, id string, o open, by messages.Cancellation) (Withdrawal, error) {
	result, err := c.ended(ctx, vcc, id)
	if err != nil || result != nil {
		return late(id, result), err
	}
	if o.command.ID == "" {
		return Withdrawal{ID: id, Answer: Unknown}, nil
	}
	note, err := c.mark(ctx, vcc, o, by)
	if err != nil {
		return Withdrawal{}, err
	}
	w := Withdrawal{ID: id, WorkNo: o.command.WorkNo, Answer: Undecided}
	if o.scheduled {
		fired, err := c.fireNow(ctx, vcc, id)
		if err != nil {
			return Withdrawal{}, err
		}
		if fired {
			if o, err = c.again(ctx, vcc, id); err != nil {
				return Withdrawal{}, err
			}
		} else if o.seq == 0 {
			w.Answer = Cancelled
			return w, nil
		}
	}
	if err := c.nudge(ctx, vcc, messages.Cancel{ID: id, Sequence: o.seq, By: by}); err != nil {
		return Withdrawal{}, err
	}
	if result, err = c.ended(ctx, vcc, id); err != nil || result != nil {
		return late(id, result), err
	}
	if there, err := c.surelyThere(ctx, vcc, o, note); err != nil || there {
		w.Answer = Cancelled
		return w, err
	}
	return w, nil
}

func late(id string, r *messages.Result) Withdrawal {
	switch {
	case r == nil:
		return Withdrawal{}
	case r.Outcome == messages.OutcomeCancelled:
		return Withdrawal{id, r.WorkNo, Cancelled, r}
	default:
		return Withdrawal{id, r.WorkNo, TooLate, r}
	}
}

// ended is a command's result, nil if there is none.
func (c *Client) ended(ctx context.Context, vcc, id string) (result *messages.Result, err error) {
	subject := c.prefix.Result(vcc, messages.AnyToken, id)
	err = c.lasts(ctx, streams.NamesOf(c.prefix).Results, []string{subject}, func(_ string, data []byte) {
		if r, err := messages.DecodeResult(data); err == nil {
			result = &r
		}
	})
	return result, err
}

// mark writes the note that every worker reads before it executes the command. It
// keeps what the last note says.
func (c *Client) mark(ctx context.Context, vcc string, o open, by messages.Cancellation) (messages.Parked, error) {
	for {
		note, last, err := c.note(ctx, vcc, o.command.ID)
		if err != nil || note.Cancelled != nil {
			return note, err
		}
		note.Cancelled = &by
		data, err := note.Encode()
		if err != nil {
			return note, err
		}
		msg := &nats.Msg{Subject: c.prefix.Parked(vcc, o.command.ID), Data: data}
		_, err = c.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequencePerSubject(last), jetstream.WithMsgTTL(streams.NoteLife(o.mayRun())))
		if !streams.Overtaken(err) {
			return note, notSetUp(err)
		}
	}
}

// mayRun is until when the command could run. Where it does not say itself, that
// is the workers' --max-age, of which a day is enough for any.
func (o open) mayRun() time.Time {
	if !o.command.ExpiresAt.IsZero() {
		return o.command.ExpiresAt
	}
	from := o.stored
	for _, t := range []time.Time{o.command.NotBefore, o.command.GraceUntil} {
		if t.After(from) {
			from = t
		}
	}
	return from.Add(24 * time.Hour)
}

// fireNow lets the server hand a withdrawn command to the workers at once, who end
// it. It reports true where the server has handed it over already.
func (c *Client) fireNow(ctx context.Context, vcc, id string) (fired bool, err error) {
	subject := c.prefix.Schedule(vcc, id)
	for {
		msg, err := c.last(ctx, streams.NamesOf(c.prefix).Commands, subject)
		if err != nil || msg == nil {
			return msg == nil, err
		}
		_, err = c.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: msg.Data},
			jetstream.WithScheduleAt(time.Now()), jetstream.WithScheduleTarget(c.prefix.Commands(vcc)),
			jetstream.WithExpectLastSequencePerSubject(msg.Sequence))
		if !streams.Overtaken(err) {
			return false, err
		}
	}
}

// again locates a command whose schedule has fired meanwhile.
func (c *Client) again(ctx context.Context, vcc, id string) (open, error) {
	found, err := c.find(ctx, vcc, Selection{IDs: []string{id}})
	return found[id], err
}

// nudge tells the workers, and waits until one has looked. Without workers there
// is nobody who could execute the command.
func (c *Client) nudge(ctx context.Context, vcc string, cancel messages.Cancel) error {
	data, err := cancel.Encode()
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, nudgeTime)
	defer stop()
	_, err = c.nc.RequestWithContext(ctx, c.prefix.Cancel(vcc), data)
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// surelyThere reports whether nobody had the command when the note was written, so
// that whoever gets it sees the note.
func (c *Client) surelyThere(ctx context.Context, vcc string, o open, note messages.Parked) (bool, error) {
	consumer, err := c.js.Consumer(ctx, streams.NamesOf(c.prefix).Commands, c.prefix.Consumer(vcc))
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return true, nil // no worker has ever run
	}
	if err != nil {
		return false, fmt.Errorf("reading the consumer: %w", err)
	}
	info := consumer.CachedInfo()
	// A consumer that was deleted and made again does not know what the one before has
	// delivered.
	never := o.seq > info.Delivered.Stream && o.stored.After(info.Created)
	// A call that was made before may have worked: the agent's state decides then.
	open := note.Claim > 0 || note.Possible || note.SignedOut
	handedBack := note.Sequence == o.seq && !open && time.Until(note.DueAt) > 2*time.Second
	return never || handedBack, nil
}

// decided waits for the results of commands that workers have in hand.
func (c *Client) decided(ctx context.Context, feed *Results, undecided map[string]open, answer func(Withdrawal)) error {
	for len(undecided) > 0 {
		result, _, err := feed.Next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			return err
		}
		if _, waits := undecided[result.ID]; waits {
			delete(undecided, result.ID)
			answer(late(result.ID, &result))
		}
	}
	for id, o := range undecided {
		answer(Withdrawal{ID: id, WorkNo: o.command.WorkNo, Answer: Undecided})
	}
	return nil
}
