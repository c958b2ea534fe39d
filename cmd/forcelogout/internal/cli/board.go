package cli

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/messages"
)

// mostLines is how many results are shown one by one; more get a progress bar.
const mostLines = 50

// board shows results as they come, and what they add up to.
type board struct {
	out   io.Writer
	paint painter
	width int
	json  bool                     // lines for programs, and nothing else
	ids   bool                     // show them
	bar   *progressbar.ProgressBar // nil where lines are shown

	counts map[messages.Outcome]int
	calls  int
	ages   []time.Duration // from issued to finished
}

func newBoard(std console.IO, total int) *board {
	b := &board{out: std.Out, paint: painter(console.Colored(std.Out)), width: lineWidth(std.Out), counts: map[messages.Outcome]int{}}
	if total > mostLines {
		b.bar = newBar(std.Err, total, "results")
	}
	return b
}

// newBar draws on w where that is a terminal, and else only counts.
func newBar(w io.Writer, total int, what string) *progressbar.ProgressBar {
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetVisibility(console.TerminalWidth(w) > 0),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(20),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
}

// lineWidth is how long a line may be: files and pipes take any.
func lineWidth(w io.Writer) int {
	if width := console.TerminalWidth(w); width > 0 {
		return width
	}
	return math.MaxInt
}

// add shows one result.
func (b *board) add(r messages.Result) {
	b.counts[r.Outcome]++
	b.calls += r.Attempts
	if !r.StartedAt.IsZero() {
		b.ages = append(b.ages, r.FinishedAt.Sub(r.IssuedAt))
	}
	switch {
	case b.json:
		if data, err := r.Encode(); err == nil {
			fmt.Fprintln(b.out, withKind("result", data))
		}
	case b.bar != nil:
		_ = b.bar.Add(1)
	default:
		fmt.Fprintln(b.out, resultLine(r, b.paint, b.width, b.ids))
	}
}

// withKind adds to a JSON object what it is.
func withKind(kind string, object []byte) string {
	rest, is := strings.CutPrefix(strings.TrimSpace(string(object)), "{")
	if !is {
		return string(object)
	}
	if strings.HasPrefix(strings.TrimSpace(rest), "}") {
		return fmt.Sprintf("{%q:%q%s", "kind", kind, rest)
	}
	return fmt.Sprintf("{%q:%q,%s", "kind", kind, rest)
}

// seen is how many results have come.
func (b *board) seen() int {
	n := 0
	for _, count := range b.counts {
		n += count
	}
	return n
}

// allSucceeded reports whether every result so far is a success.
func (b *board) allSucceeded() bool {
	for outcome := range b.counts {
		if !outcome.Success() {
			return false
		}
	}
	return true
}

// summary writes the table that ends a run. What had ended before it is counted apart.
func (b *board) summary(took time.Duration, before []messages.Result) {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
	if b.json {
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
			fmt.Fprintf(b.out, "%s had ended before, without a call now: %s\n", console.Plural(n, "command"), outcome)
		}
	}
}

func (b *board) table(total int, took time.Duration) {
	table := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\noutcome\tcommands\tshare\t")
	for _, outcome := range messages.Outcomes() {
		if n := b.counts[outcome]; n > 0 {
			fmt.Fprintf(table, "%s\t%d\t%.1f %%\t\n", outcome, n, 100*float64(n)/float64(total))
		}
	}
	fmt.Fprintf(table, "all\t%d\t\t\n", total)
	_ = table.Flush()
	fmt.Fprintf(b.out, "\n%s in %s", console.Plural(b.calls, "gateway call"), took.Round(10*time.Millisecond))
	if len(b.ages) > 0 {
		slices.Sort(b.ages)
		fmt.Fprintf(b.out, "; from issued to result: median %s, longest %s",
			round(b.ages[len(b.ages)/2]), round(b.ages[len(b.ages)-1]))
	}
	fmt.Fprintln(b.out)
}

func round(d time.Duration) time.Duration {
	if d >= time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

// resultLine is one result: a line, and where not all fits into it, a second one.
// Neither is longer than width columns.
func resultLine(r messages.Result, paint painter, width int, ids bool) string {
	line := fmt.Sprintf("%s  %-6s  %-18s  %-8s", r.FinishedAt.Local().Format(time.TimeOnly), r.WorkNo, r.Outcome, console.Plural(r.Attempts, "call"))
	if !r.StartedAt.IsZero() {
		line += "  " + round(r.FinishedAt.Sub(r.IssuedAt)).String()
	}
	line = console.Printable(strings.TrimRight(line, " "))
	more := ""
	if ids {
		more = "  " + r.VCC + "/" + r.ID
	}
	if r.Error != "" {
		more += "  " + r.Error
	}
	more = console.Printable(more)
	if utf8.RuneCountInString(line+more) > width {
		more = "\n" + clipLine("          "+strings.TrimLeft(more, " "), width)
	}
	return strings.Replace(line, string(r.Outcome), paint.outcome(r.Outcome), 1) + more
}

// clipLine cuts a line to the terminal's width.
func clipLine(line string, width int) string {
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	return string(runes[:width-1]) + "…"
}

// painter colours words where the output is a terminal.
type painter bool

func (p painter) outcome(o messages.Outcome) string {
	const green, yellow, red, plain = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"
	switch {
	case !bool(p):
		return string(o)
	case o.Success():
		return green + string(o) + plain
	case o == messages.OutcomeFailed || o == messages.OutcomeRejected:
		return red + string(o) + plain
	default:
		return yellow + string(o) + plain
	}
}
