package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

// goingOn lists what an interruption does not end.
func (s *sending) goingOn() {
	for _, key := range s.standing {
		if s.open != nil {
			if _, waits := s.open[key]; !waits {
				continue
			}
		}
		if s.json {
			data, err := json.Marshal(map[string]string{"kind": "goesOn", "id": key.id, "vcc": key.vcc})
			if err == nil {
				fmt.Fprintln(s.std.Out, string(data))
			}
			continue
		}
		fmt.Fprintf(s.std.Out, "%s  goes on\n", key.id)
	}
}

// andWait sends, and then waits for the result of every command.
func (s *sending) andWait(ctx context.Context, timeout time.Duration, report *resultsFile) (err error) {
	defer func() { err = errors.Join(err, report.close()) }()
	feed, err := s.cl.Results(ctx, client.Filter{})
	if err != nil {
		return err
	}
	defer feed.Close()
	begin := time.Now()
	s.last, s.open = begin, map[commandKey]string{}
	if report != nil {
		s.notSent = map[commandKey]notStanding{}
	}
	sent := s.send(ctx)
	for _, r := range s.ended {
		report.add(r, true)
	}
	for key, what := range s.notSent {
		report.missing(key, what.workNo, what.why)
	}
	show := console.NewBoard(s.std, len(s.open))
	show.JSON, show.IDs = s.json, true
	waiting, cancel := context.WithDeadline(ctx, s.last.Add(timeout))
	defer cancel()
	followed := s.follow(waiting, feed, func(r messages.Result) { show.Add(r); report.add(r, false) })
	show.Summary(time.Since(begin), s.ended)
	for key, workNo := range s.open {
		report.missing(key, workNo, "no result yet")
	}
	if ctx.Err() != nil {
		s.goingOn()
		return ctx.Err()
	}
	if followed != nil || sent != nil && !errors.Is(sent, errQuiet) {
		return errors.Join(ignoreQuiet(sent), followed)
	}
	if sent != nil || !show.AllSucceeded() {
		return errQuiet
	}
	return nil
}

func ignoreQuiet(err error) error {
	if errors.Is(err, errQuiet) {
		return nil
	}
	return err
}

// follow hands on the results until every command that stands has one: those that were
// there before, and those that come.
func (s *sending) follow(ctx context.Context, feed *client.Results, add func(messages.Result)) error {
	take := func(r messages.Result) {
		key := commandKey{r.VCC, r.ID}
		if _, waits := s.open[key]; waits {
			delete(s.open, key)
			add(r)
		}
	}
	for len(s.open) > 0 {
		result, _, err := feed.Next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%s %s no result yet: is a worker running? see forcelogout status", console.Plural(len(s.open), "command"), have(len(s.open)))
		}
		if err != nil {
			return err
		}
		take(result)
	}
	return nil
}

func have(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}
