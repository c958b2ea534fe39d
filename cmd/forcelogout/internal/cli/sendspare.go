package cli

import (
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/worker/protect"
	"github.com/forcelogout/forcelogout/worker/shift"
)

// spareFlags are brakes for a wrong file.
type spareFlags struct {
	Except string `placeholder:"FILE" help:"Send nothing for these agents: a file with their numbers, and # remarks."`
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
