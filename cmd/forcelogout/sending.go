package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

// sending publishes rows and follows what comes of them.
type sending struct {
	cl    *client.Client
	rows  iter.Seq2[shiftRow, error]
	total int
	quiet bool // say how many, not which
	std   streamsIO
}

// orders are the rows as the client takes them.
func (s *sending) orders() iter.Seq2[client.Order, error] {
	return func(yield func(client.Order, error) bool) {
		for row, err := range s.rows {
			if !yield(client.Order{VCC: row.vcc, At: row.at, Command: row.command}, err) {
				return
			}
		}
	}
}

// send publishes all rows, and tells each of them to taken.
func (s *sending) send(ctx context.Context, taken func(client.Order, error)) error {
	bar := newBar(s.std.err, s.total, "sent")
	sent, late := 0, 0
	err := s.cl.Publish(ctx, s.orders(), func(o client.Order, err error) {
		_ = bar.Add(1)
		if err == nil {
			sent++
		} else {
			late++
		}
		taken(o, err)
	})
	_ = bar.Finish()
	if s.quiet || late > 0 {
		fmt.Fprintf(s.std.out, "%d commands sent", sent)
		if late > 0 {
			fmt.Fprintf(s.std.out, ", %d not: they have ended or were withdrawn", late)
		}
		fmt.Fprintln(s.std.out)
	}
	if err != nil {
		return fmt.Errorf("%d of %d commands were sent, then: %w (send the same again: nobody is signed out twice)", sent, s.total, err)
	}
	return nil
}

// listed shows one command that was sent.
func (s *sending) listed(o client.Order, err error) {
	if s.quiet && err == nil {
		return
	}
	line := o.Command.ID + "  " + o.Command.WorkNo
	switch {
	case err != nil:
		line += "  not sent: " + err.Error()
	case !o.Command.NotBefore.IsZero():
		line += "  " + o.Command.NotBefore.Format(time.RFC3339)
	}
	fmt.Fprintln(s.std.out, line)
}

// commandKey is what tells commands apart.
type commandKey struct{ vcc, id string }

// andWait sends, and then waits for the result of every command.
func (s *sending) andWait(ctx context.Context, timeout time.Duration, reportFile string) error {
	report, err := newReport(reportFile)
	if err != nil {
		return usage(err)
	}
	defer report.close()
	feed, err := s.cl.Results(ctx, client.Filter{})
	if err != nil {
		return err
	}
	defer feed.Close()
	begin, last := time.Now(), time.Now()
	open := map[commandKey]string{} // workNo
	if err := s.send(ctx, func(o client.Order, err error) {
		open[commandKey{o.VCC, o.Command.ID}] = o.Command.WorkNo
		if o.Command.NotBefore.After(last) {
			last = o.Command.NotBefore
		}
		if err != nil {
			s.listed(o, err)
		}
	}); err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(ctx, last.Add(timeout))
	defer cancel()
	show := newBoard(s.std, len(open))
	err = s.follow(ctx, feed, open, func(r messages.Result) { show.add(r); report.add(r) })
	show.summary(time.Since(begin))
	report.missing(open)
	if err := errors.Join(err, report.close()); err != nil {
		return err
	}
	if !show.allSucceeded() {
		return errQuiet
	}
	return nil
}

// follow hands on the results until every command has one: those that were there
// before, and those that come.
func (s *sending) follow(ctx context.Context, feed *client.Results, open map[commandKey]string, add func(messages.Result)) error {
	take := func(r messages.Result) {
		key := commandKey{r.VCC, r.ID}
		if _, waits := open[key]; waits {
			delete(open, key)
			add(r)
		}
	}
	if err := s.cl.Ended(ctx, s.orders(), take); err != nil {
		return err
	}
	for len(open) > 0 {
		result, _, err := feed.Next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%d commands have no result yet: is a worker running? see forcelogout status", len(open))
		}
		if err != nil {
			return err
		}
		take(result)
	}
	return nil
}

// report is a CSV file with a line for each command. A nil one writes nothing.
type report struct {
	file *os.File
	csv  *csv.Writer
}

func newReport(name string) (*report, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("--report: %w", err)
	}
	r := &report{file, csv.NewWriter(file)}
	r.line("id", "vcc", "workNo", "outcome", "cause", "retcode", "attempts", "redelivered", "startedAt", "finishedAt", "error")
	return r, nil
}

func (r *report) line(cells ...string) {
	if r != nil {
		_ = r.csv.Write(cells) // close tells
	}
}

func (r *report) add(m messages.Result) {
	r.line(m.ID, m.VCC, m.WorkNo, string(m.Outcome), string(m.Cause), m.Retcode, strconv.Itoa(m.Attempts),
		strconv.FormatBool(m.Redelivered), stamp(m.StartedAt), stamp(m.FinishedAt), m.Error)
}

// missing writes the commands that have no result.
func (r *report) missing(open map[commandKey]string) {
	for key, workNo := range open {
		r.line(key.id, key.vcc, workNo, "", "", "", "", "", "", "", "no result yet")
	}
}

func (r *report) close() error {
	if r == nil || r.file == nil {
		return nil
	}
	r.csv.Flush()
	err := errors.Join(r.csv.Error(), r.file.Close())
	r.file = nil
	if err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	return nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
