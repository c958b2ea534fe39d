package console

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/forcelogout/forcelogout/messages"
)

// mostLines is how many results are shown one by one; more get a progress bar.
const mostLines = 50

// Board shows results as they come, and what they add up to.
type Board struct {
	JSON bool // lines for programs, and nothing else
	IDs  bool // show them

	out   io.Writer
	paint painter
	width int
	bar   *progressbar.ProgressBar // nil where lines are shown

	counts map[messages.Outcome]int
	calls  int
	ages   []time.Duration // from issued to finished
}

// NewBoard is for that many results.
func NewBoard(std IO, total int) *Board {
	b := &Board{out: std.Out, paint: painter(Colored(std.Out)), width: LineWidth(std.Out), counts: map[messages.Outcome]int{}}
	if total > mostLines {
		b.bar = NewBar(std.Err, total, "results")
	}
	return b
}

// Add shows one result.
func (b *Board) Add(r messages.Result) {
	b.counts[r.Outcome]++
	b.calls += r.Attempts
	if !r.StartedAt.IsZero() {
		b.ages = append(b.ages, r.FinishedAt.Sub(r.IssuedAt))
	}
	switch {
	case b.JSON:
		if data, err := r.Encode(); err == nil {
			fmt.Fprintln(b.out, withKind("result", data))
		}
	case b.bar != nil:
		_ = b.bar.Add(1)
	default:
		fmt.Fprintln(b.out, resultLine(r, b.paint, b.width, b.IDs))
	}
}

// seen is how many results have come.
func (b *Board) seen() int {
	n := 0
	for _, count := range b.counts {
		n += count
	}
	return n
}

// AllSucceeded reports whether every result so far is a success.
func (b *Board) AllSucceeded() bool {
	for outcome := range b.counts {
		if !outcome.Success() {
			return false
		}
	}
	return true
}

// Summary writes the table that ends a run. What had ended before it is counted apart.
func (b *Board) Summary(took time.Duration, before []messages.Result) {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
	if b.JSON {
		return
	}
	if total := b.seen(); total > 0 || len(before) == 0 {
		b.table(total, took)
	}
	earlier := map[messages.Outcome]int{}
	for _, r := range before {
		earlier[r.Outcome]++
	}
	for _, outcome := range messages.Outcomes() {
		if n := earlier[outcome]; n > 0 {
			fmt.Fprintf(b.out, "%s had ended before, without a call now: %s\n", Plural(n, "command"), outcome)
		}
	}
}

func (b *Board) table(total int, took time.Duration) {
	table := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\noutcome\tcommands\tshare\t")
	for _, outcome := range messages.Outcomes() {
		if n := b.counts[outcome]; n > 0 {
			fmt.Fprintf(table, "%s\t%d\t%.1f %%\t\n", outcome, n, 100*float64(n)/float64(total))
		}
	}
	fmt.Fprintf(table, "all\t%d\t\t\n", total)
	_ = table.Flush()
	fmt.Fprintf(b.out, "\n%s in %s", Plural(b.calls, "gateway call"), took.Round(10*time.Millisecond))
	if len(b.ages) > 0 {
		slices.Sort(b.ages)
		fmt.Fprintf(b.out, "; from issued to result: median %s, longest %s",
			round(b.ages[len(b.ages)/2]), round(b.ages[len(b.ages)-1]))
	}
	fmt.Fprintln(b.out)
}
