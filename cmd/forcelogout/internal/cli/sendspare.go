package cli

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/worker/protect"
	"github.com/forcelogout/forcelogout/worker/shift"
)

// spareFlags spare people.
type spareFlags struct {
	WhenIdle       bool       `help:"Let an agent on a call end it first."`
	Grace          shift.Span `placeholder:"DURATION" help:"With --when-idle: for how long, from the command's time (default: 10m)."`
	WrapUp         shift.Span `placeholder:"DURATION" help:"With --when-idle: let them end their after-call work as well, for this long at most."`
	SignedInBefore string     `placeholder:"TIME" help:"Leave agents alone whose present sign-in began later: they are in the next shift. 14:00 is the last before the command's time."`
	StayOut        shift.Span `placeholder:"DURATION" help:"Look once more that long after the sign-out; the result comes then, and tells who is back."`
	Max            int        `placeholder:"N" help:"Send nothing where there are more commands than that, unless --yes."`
	Yes            bool       `help:"With --max: send all the same."`
	Except         string     `placeholder:"FILE" help:"Send nothing for these agents: a file with their numbers, and # remarks."`
}

// conditions are those of commands that have none of their own.
func (f spareFlags) conditions(now time.Time, loc *time.Location) (c shift.Conditions, err error) {
	grace, wrapUp := time.Duration(f.Grace), time.Duration(f.WrapUp)
	switch {
	case !f.WhenIdle && grace != 0:
		return c, errors.New("--grace goes with --when-idle")
	case !f.WhenIdle && wrapUp != 0:
		return c, errors.New("--wrap-up goes with --when-idle")
	case wrapUp > time.Hour || wrapUp > 0 && wrapUp < time.Second:
		return c, errors.New("--wrap-up: must be from 1s to 1h")
	}
	switch {
	case f.StayOut != 0 && (f.StayOut < shift.Span(10*time.Second) || f.StayOut > shift.Span(time.Hour)):
		return c, errors.New("--stay-out: must be from 10s to 1h")
	case f.Max < 0:
		return c, fmt.Errorf("--max %d: must be above 0", f.Max)
	case f.Yes && f.Max == 0:
		return c, errors.New("--yes goes with --max")
	}
	c.SignedInBefore = f.SignedInBefore
	if f.WhenIdle {
		if grace == 0 {
			grace = settings.DefaultGrace
		}
		c.WhenIdle, c.GraceUntil = "true", "+"+grace.String()
	}
	if f.StayOut > 0 {
		c.StayOut = time.Duration(f.StayOut).String()
	}
	if wrapUp > 0 {
		c.WrapUp = wrapUp.String()
	}
	if err := c.Check(now, loc); err != nil {
		return c, fmt.Errorf("--signed-in-before %w", err)
	}
	return c, nil
}

// excepted leaves agents out of rows.
type excepted struct {
	file   string
	agents protect.Set
	count  int      // commands left out in the last pass
	first  []string // whom, the first few
}

// mostNamed is how many agents a notice names.
const mostNamed = 10

// except reads who is left out; nobody without --except.
func (f spareFlags) except() (*excepted, error) {
	if f.Except == "" {
		return &excepted{}, nil
	}
	agents, err := protect.ReadFile(f.Except)
	if err != nil {
		return nil, fmt.Errorf("--except: %w", err)
	}
	return &excepted{file: f.Except, agents: agents}, nil
}

// from leaves them out.
func (e *excepted) from(rows iter.Seq2[shift.Row, error]) iter.Seq2[shift.Row, error] {
	if e.agents == nil {
		return rows
	}
	return func(yield func(shift.Row, error) bool) {
		e.count, e.first = 0, nil
		for row, err := range rows {
			if err == nil && e.agents[row.Command.WorkNo] {
				if e.count++; e.count <= mostNamed {
					e.first = append(e.first, row.Command.WorkNo)
				}
				continue
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// judge says who was left out, after a pass through all rows that left total commands and
// ended with err.
func (e *excepted) judge(total int, err error, out io.Writer) error {
	if e.count == 0 {
		return err
	}
	named := strings.Join(e.first, ", ")
	if e.count > mostNamed {
		named += ", …"
	}
	fmt.Fprintln(out, console.Printable(fmt.Sprintf("--except %s: %s left out (%s)", e.file, console.Plural(e.count, "command"), named)))
	if total == 0 {
		return fmt.Errorf("--except %s: no command is left to send", e.file)
	}
	return err
}

// tooMany refuses more commands than --max. What would be sent may still be looked at.
func (f spareFlags) tooMany(total int, dry bool, out io.Writer) error {
	if f.Max == 0 || total <= f.Max || f.Yes {
		return nil
	}
	text := fmt.Sprintf("%s, more than --max %d", console.Plural(total, "command"), f.Max)
	if dry {
		fmt.Fprintln(out, text+": nothing would be sent without --yes")
		return nil
	}
	return fmt.Errorf("%s: nothing was sent; look at them with --dry-run, and send them all the same with --yes", text)
}
