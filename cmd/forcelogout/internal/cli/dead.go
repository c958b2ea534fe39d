package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/shift"
)

type deadCommand struct {
	Ls     deadListCommand   `cmd:"" help:"List dead letters, the oldest first."`
	Show   deadShowCommand   `cmd:"" help:"Show dead letters whole."`
	Replay deadReplayCommand `cmd:"" help:"Send dead letters again, under their ids."`
	Rm     deadRemoveCommand `cmd:"" help:"Remove dead letters."`
}

// letters are dead letters by number or age.
type letters struct {
	clientFlags
	Numbers   []string   `arg:"" optional:"" name:"number" help:"Numbers as in dead ls, or ranges such as 10-20."`
	VCC       string     `name:"vcc" help:"With ages: only this virtual contact center."`
	OlderThan shift.Span `placeholder:"AGE" help:"All that are older, for example 7d."`
	Since     shift.Span `placeholder:"AGE" help:"All of the time since, for example 1d."`
}

// letterRange are the numbers from first to last.
type letterRange struct{ first, last uint64 }

func (c *letters) ranges() ([]letterRange, error) {
	byAge := c.OlderThan != 0 || c.Since != 0
	if byAge == (len(c.Numbers) > 0) {
		return nil, errors.New("give the numbers of dead letters as in dead ls, or --older-than, --since")
	}
	if err := optionalVCC(c.VCC); err != nil {
		return nil, err
	}
	if c.VCC != "" && !byAge {
		return nil, errors.New("--vcc goes with --older-than or --since: numbers are those of all VCCs")
	}
	all := make([]letterRange, 0, len(c.Numbers))
	for _, text := range c.Numbers {
		from, to, isRange := strings.Cut(text, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 64)
		last, err2 := strconv.ParseUint(to, 10, 64)
		if err1 != nil || err2 != nil || first == 0 || first > last {
			return nil, fmt.Errorf("%q is no number of a dead letter, nor a range such as 10-20", text)
		}
		all = append(all, letterRange{first, last})
	}
	return all, nil
}

// each does something for all of them, also where one does not work.
func (c *letters) each(ctx context.Context, std console.IO, do func(context.Context, *client.Client, uint64) error) error {
	ranges, err := c.ranges()
	if err != nil {
		return exit.Misused(err)
	}
	return c.with("dead", std, func(cl *client.Client) error {
		numbers, problems, err := c.numbers(ctx, cl, ranges)
		if err != nil {
			return err
		}
		for _, number := range numbers {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			problems = append(problems, do(ctx, cl, number))
		}
		return errors.Join(problems...)
	})
}

// numbers are those of the letters that are meant and there. A single number that is
// not there is a problem, a gap in a range is none.
func (c *letters) numbers(ctx context.Context, cl *client.Client, ranges []letterRange) (numbers []uint64, problems []error, err error) {
	single := true
	for _, r := range ranges {
		single = single && r.first == r.last
		numbers = append(numbers, r.first)
	}
	if single && len(ranges) > 0 {
		return numbers, nil, nil
	}
	numbers = numbers[:0]
	ages := ages{c.OlderThan, c.Since, time.Now()}
	found := make([]bool, len(ranges))
	err = cl.Letters(ctx, c.VCC, func(l client.Letter) bool {
		meant := len(ranges) == 0 && ages.match(l)
		for i, r := range ranges {
			if r.first <= l.Sequence && l.Sequence <= r.last {
				meant, found[i] = true, true
			}
		}
		if meant {
			numbers = append(numbers, l.Sequence)
		}
		return true
	})
	for i, r := range ranges {
		if !found[i] && err == nil {
			problems = append(problems, fmt.Errorf("dead letters %d-%d: %w", r.first, r.last, client.ErrNoLetter))
		}
	}
	if len(ranges) == 0 && len(numbers) == 0 && err == nil {
		err = errors.New("no dead letter is of that age")
	}
	return numbers, problems, err
}

type deadReplayCommand struct{ letters }

func (c *deadReplayCommand) Run(ctx context.Context, std console.IO) error {
	return c.each(ctx, std, func(ctx context.Context, cl *client.Client, number uint64) error {
		command, err := cl.Replay(ctx, number)
		if err != nil {
			return fmt.Errorf("dead letter %d: %w", number, err)
		}
		fmt.Fprintf(std.Out, "%d  sent again: %s  %s\n", number, command.ID, command.WorkNo)
		return nil
	})
}

type deadRemoveCommand struct{ letters }

func (c *deadRemoveCommand) Run(ctx context.Context, std console.IO) error {
	return c.each(ctx, std, func(ctx context.Context, cl *client.Client, number uint64) error {
		err := cl.RemoveLetter(ctx, number)
		if err != nil {
			return fmt.Errorf("dead letter %d: %w", number, err)
		}
		fmt.Fprintf(std.Out, "%d  removed\n", number)
		return nil
	})
}
