package cli

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/shift"
)

// sending publishes rows and follows what comes of them.
type sending struct {
	cl        *client.Client
	rows      iter.Seq2[shift.Row, error]
	total     int
	quiet     bool // say how many, not which
	json      bool
	okIfEnded bool
	timeout   time.Duration // where NATS does not answer
	std       console.IO

	counts   map[string]int // by what became of them
	notDone  int
	standing []commandKey               // that go on without this process
	ended    []messages.Result          // before this process asked
	last     time.Time                  // the last command's time
	open     map[commandKey]string      // workNo of those without a result; nil unless waited for
	notSent  map[commandKey]notStanding // with a report only
}

type notStanding struct{ workNo, why string }

// commandKey is what tells commands apart.
type commandKey struct{ vcc, id string }

// orders are the rows as the client takes them.
func (s *sending) orders() iter.Seq2[client.Order, error] {
	return func(yield func(client.Order, error) bool) {
		for row, err := range s.rows {
			if !yield(client.Order{VCC: row.VCC, At: row.At, Command: row.Command}, err) {
				return
			}
		}
	}
}

// send hands all rows in, and says what became of them. The error is errQuiet where
// that has been said.
func (s *sending) send(ctx context.Context) error {
	if err := s.announce(); err != nil {
		return err
	}
	bar := console.NewBar(s.std.Err, s.total, "sent")
	s.counts = map[string]int{}
	err := s.cl.Publish(ctx, s.timeout, s.orders(), func(r client.Receipt) {
		_ = bar.Add(1)
		s.take(r)
	})
	_ = bar.Finish()
	s.summary()
	switch {
	case ctx.Err() != nil:
		if s.open == nil {
			s.goingOn()
		}
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w (send the same again: nobody is signed out twice)", err)
	case s.notDone > 0:
		return errQuiet
	}
	return nil
}

// announce shows the commands before they are sent: whatever happens then, the ids are
// known, and can be sent again.
func (s *sending) announce() error {
	if s.quiet || s.json {
		return nil
	}
	for row, err := range s.rows {
		if err != nil {
			return err
		}
		line := row.Command.ID + "  " + row.Command.WorkNo
		if !row.Command.NotBefore.IsZero() {
			line += "  " + row.Command.NotBefore.Format(time.RFC3339)
		}
		if _, err := fmt.Fprintln(s.std.Out, line); err != nil {
			return fmt.Errorf("nothing was sent, the ids cannot be written: %w", err)
		}
	}
	return nil
}

// take counts and shows what became of one command.
func (s *sending) take(r client.Receipt) {
	c, id := r.Order.Command, commandKey{r.Order.VCC, r.Order.Command.ID}
	if c.NotBefore.After(s.last) {
		s.last = c.NotBefore
	}
	done, what := s.judge(r)
	s.counts[what]++
	if !done {
		s.notDone++
	}
	stands := r.Err == nil
	switch {
	case stands:
		s.standing = append(s.standing, id)
		if s.open != nil {
			s.open[id] = c.WorkNo
		}
	case r.There != nil && r.There.Result != nil:
		s.ended = append(s.ended, *r.There.Result)
	case s.notSent != nil:
		s.notSent[id] = notStanding{c.WorkNo, r.Err.Error()}
	}
	if s.json {
		receiptJSON(s.std.Out, r, what)
		return
	}
	if what == countStored || s.quiet && done {
		return
	}
	fmt.Fprintln(s.std.Out, console.Printable(receiptLine(r)))
}

// What became of commands, for counts and JSON.
const (
	countStored    = "stored"
	countThere     = "there"
	countEnded     = "ended"
	countRefused   = "refused"
	countUndecided = "undecided"
)

// judge says whether what was asked for is done, or will be.
func (s *sending) judge(r client.Receipt) (done bool, what string) {
	switch {
	case r.State == client.Stored:
		return true, countStored
	case r.State == client.There && r.Err == nil:
		return true, countThere
	case r.There != nil && r.There.Result != nil:
		return s.okIfEnded && r.There.Result.Outcome.Success(), countEnded
	case r.State == client.Undecided:
		return false, countUndecided
	}
	return false, countRefused
}

// summary says how many there are of each.
func (s *sending) summary() {
	if s.json || !s.quiet && s.counts[countStored] == s.total {
		return
	}
	text := console.Plural(s.counts[countStored], "command") + " sent"
	for _, part := range []struct{ what, text string }{
		{countThere, "there already"}, {countEnded, "had ended before"}, {countRefused, "not sent"}, {countUndecided, "undecided"},
	} {
		if n := s.counts[part.what]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, part.text)
		}
	}
	fmt.Fprintln(s.std.Out, text)
}
