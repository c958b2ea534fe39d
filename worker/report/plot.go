package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// The plot's place, in units of its drawing.
const (
	plotWidth, plotHeight = 960.0, 300.0
	plotLeft, plotRight   = 44.0, 8.0
	plotTop, plotBottom   = 24.0, 30.0
	// mostBins is how many bars there are at most, leastBins at least.
	mostBins, leastBins = 36, 8
	// afterDay is how long after its end a day's sign-outs are still drawn.
	afterDay = 6 * time.Hour
)

// bin counts what ended, and what was planned, within a stretch of time.
type bin struct {
	From, To time.Time
	Classes  [3]int
	Planned  int
}

func (b bin) all() int { return b.Classes[Done] + b.Classes[Missed] + b.Classes[Spared] }

// drawn reports whether a row is an attempt at a sign-out at a time that the plot shows.
func (r Report) drawn(row Row) bool {
	return row.Outcome != messages.OutcomeCancelled && row.Outcome != messages.OutcomeRejected &&
		!row.Ended.Before(r.Day.From) && row.Ended.Before(r.Day.To.Add(afterDay))
}

// bins are the stretches of the day in which something ended or was planned, each as long
// as the next.
func (r Report) bins() []bin {
	var first, last time.Time
	see := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	for _, row := range r.Rows {
		if r.drawn(row) {
			see(row.Ended)
			see(firstTime(row.NotBefore, row.Ended))
		}
	}
	if first.IsZero() {
		return nil
	}
	step := stepOf(last.Sub(first))
	begin := r.Day.From.Add(first.Sub(r.Day.From) / step * step)
	n := int(last.Sub(begin)/step) + 1
	if room := (leastBins - n) / 2; room > 0 {
		begin = begin.Add(-time.Duration(room) * step)
		n = max(leastBins, n+room)
	}
	bins := make([]bin, n)
	for i := range bins {
		bins[i].From = begin.Add(time.Duration(i) * step)
		bins[i].To = bins[i].From.Add(step)
	}
	for _, row := range r.Rows {
		if r.drawn(row) {
			bins[int(row.Ended.Sub(begin)/step)].Classes[row.Class()]++
			if !row.NotBefore.IsZero() {
				bins[int(row.NotBefore.Sub(begin)/step)].Planned++
			}
		}
	}
	return bins
}

// stepOf is the length of a bin, so that a span takes not too many.
func stepOf(span time.Duration) time.Duration {
	for _, minutes := range []time.Duration{1, 2, 5, 10, 15, 30, 60} {
		if step := minutes * time.Minute; span/step < mostBins-1 {
			return step
		}
	}
	return time.Hour
}

// plot is the drawing of the bins.
type plot struct {
	Width, Height float64
	Left, Right   float64 // of the axes
	Floor         float64
	Bars          []bar
	Numbers       []label // above the bars
	Hours         []label // below the axis
	Counts        []label // beside it
	Planned       string  // points of a line
	Description   string
	Bins          []bin
	Elsewhere     int // rows that are not drawn
}

type bar struct {
	Class            string
	X, Y, Wide, High float64
	Title            string
}

type label struct {
	X, Y float64
	Text string
}

func (r Report) plot() *plot {
	bins := r.bins()
	if bins == nil {
		return nil
	}
	p := &plot{
		Width: plotWidth, Height: plotHeight, Left: plotLeft, Right: plotWidth - plotRight, Floor: plotHeight - plotBottom, Bins: bins,
	}
	top := 1
	for _, b := range bins {
		top = max(top, b.all(), b.Planned)
		p.Elsewhere -= b.all()
	}
	p.Elsewhere += len(r.Rows)
	each := countStep(top)
	high := func(n int) float64 {
		return float64(n) * (p.Floor - plotTop) / float64(each*((top+each-1)/each))
	}
	for n := 0; n < top+each; n += each {
		p.Counts = append(p.Counts, label{plotLeft - 6, tenth(p.Floor - high(n)), fmt.Sprint(n)})
	}
	wide := (p.Right - p.Left) / float64(len(bins))
	var line strings.Builder
	for i, b := range bins {
		x := p.Left + float64(i)*wide
		p.draw(r.Day, b, x, wide, high)
		y := p.Floor - high(b.Planned)
		fmt.Fprintf(&line, "%.1f,%.1f %.1f,%.1f ", x, y, x+wide, y)
	}
	p.Planned = strings.TrimSpace(line.String())
	p.hours(r.Day, wide)
	p.Description = describe(r.Day, bins)
	return p
}

// draw draws a bin: a bar for each class, one upon the other.
func (p *plot) draw(day Day, b bin, x, wide float64, high func(int) float64) {
	const gap = 2
	y := p.Floor
	var said []string
	for _, class := range Classes() {
		n := b.Classes[class]
		if n == 0 {
			continue
		}
		y -= high(n)
		said = append(said, fmt.Sprintf("%d %s", n, class.Words()))
		p.Bars = append(p.Bars, bar{Class: className(class), X: tenth(x + gap/2), Y: tenth(y), Wide: tenth(wide - gap), High: tenth(high(n))})
	}
	if len(said) == 0 {
		return
	}
	for i := len(p.Bars) - len(said); i < len(p.Bars); i++ {
		p.Bars[i].Title = stretch(day, b) + ": " + strings.Join(said, ", ")
	}
	p.Numbers = append(p.Numbers, label{tenth(x + wide/2), tenth(min(y, p.Floor-high(b.Planned)) - 5), fmt.Sprint(b.all())})
}

// hours writes the clock below every second bin or so: as many as there is room for.
func (p *plot) hours(day Day, wide float64) {
	const room = 52
	each := max(1, int(math.Ceil(room/wide)))
	for i := 0; i < len(p.Bins); i += each {
		text, _, _ := strings.Cut(day.Minute(p.Bins[i].From), " +")
		text, _, _ = strings.Cut(text, " -")
		p.Hours = append(p.Hours, label{tenth(p.Left + float64(i)*wide), p.Floor, text})
	}
}

func stretch(day Day, b bin) string { return day.Minute(b.From) + " to " + day.Minute(b.To) }

// describe says what the plot shows to who cannot see it.
func describe(day Day, bins []bin) string {
	all, missed, peak := 0, 0, bins[0]
	for _, b := range bins {
		all += b.all()
		missed += b.Classes[Missed]
		if b.all() > peak.all() {
			peak = b
		}
	}
	return fmt.Sprintf("%d ended between %s and %s, %d of them not done. Most, %d, ended from %s.",
		all, day.Minute(bins[0].From), day.Minute(bins[len(bins)-1].To), missed, peak.all(), stretch(day, peak))
}

// countStep is the distance of the lines for counts: at most six, at round numbers.
func countStep(top int) int {
	for step := 1; ; step *= 10 {
		for _, n := range []int{1, 2, 5} {
			if top <= 6*n*step {
				return n * step
			}
		}
	}
}

func tenth(x float64) float64 { return math.Round(x*10) / 10 }

func className(c Class) string { return [...]string{"done", "missed", "spared"}[c] }
