package shift

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// orders tell where a date has its year, month and day.
func orders() map[string][3]int {
	return map[string][3]int{"dmy": {2, 1, 0}, "mdy": {2, 0, 1}, "ymd": {0, 1, 2}}
}

var (
	splitDate = regexp.MustCompile(`^(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})$`)
	solidDate = regexp.MustCompile(`^\d{8}$`)
	solidTime = regexp.MustCompile(`^\d{4}$`)
)

// dateOf reads a date in the order of the file; 2026-11-26 is one in any.
func dateOf(text, order string) (string, error) {
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		return text, nil
	}
	at, known := orders()[order]
	if !known {
		return "", fmt.Errorf("the order of day, month and year is not guessed: give --dates dmy, mdy or ymd")
	}
	parts := splitDate.FindStringSubmatch(text)
	if parts == nil && solidDate.MatchString(text) {
		cut := map[string][2]int{"dmy": {2, 4}, "mdy": {2, 4}, "ymd": {4, 6}}[order]
		parts = []string{text, text[:cut[0]], text[cut[0]:cut[1]], text[cut[1]:]}
	}
	if parts == nil {
		return "", fmt.Errorf("no date in the order %s", order)
	}
	year, month, day := parts[1+at[0]], parts[1+at[1]], parts[1+at[2]]
	if len(year) == 2 {
		year = "20" + year
	}
	date, err := time.Parse("2006-1-2", year+"-"+month+"-"+day)
	if err != nil || len(year) != 4 {
		return "", fmt.Errorf("no date in the order %s", order)
	}
	return date.Format(time.DateOnly), nil
}

// clockOf reads a time of day of 12 or 24 hours.
func clockOf(text string) (wall time.Time, is bool) {
	if wall, is := timeOfDay(text); is {
		return wall, true
	}
	for _, layout := range []string{"15:04", "3:04 PM", "3:04:05 PM", "3:04PM", "3 PM", "3PM"} {
		if wall, err := time.Parse(layout, strings.ToUpper(text)); err == nil {
			return wall, true
		}
	}
	return wall, false
}

// written is a time as a row has it: a date, a clock, or both; or another form, whole.
type written struct {
	date  string // 2026-11-26
	clock string // 18:00:00
	whole string // RFC 3339, a duration: read as it is
}

func (d Defaults) readWritten(text string) (written, error) {
	text = strings.Join(strings.Fields(text), " ")
	if _, err := time.Parse(time.RFC3339, text); err == nil || strings.HasPrefix(text, "+") {
		return written{whole: text}, nil
	}
	if wall, is := clockOf(text); is {
		return written{clock: wall.Format(time.TimeOnly)}, nil
	}
	day, rest, both := strings.Cut(text, " ")
	if !both {
		day, rest, both = strings.Cut(text, "T")
	}
	if !splitDate.MatchString(day) && !solidDate.MatchString(day) {
		return written{}, fmt.Errorf("%q: no time: %s", text, whenForms)
	}
	date, err := dateOf(day, d.Rules.Dates)
	if err != nil {
		return written{}, fmt.Errorf("%q: %w", text, err)
	}
	if !both {
		return written{date: date}, nil
	}
	if solidTime.MatchString(rest) {
		rest = rest[:2] + ":" + rest[2:]
	}
	wall, is := clockOf(rest)
	if !is {
		return written{}, fmt.Errorf("%q: no time of day after the date: write 18:00 or 6:00 PM", text)
	}
	return written{date: date, clock: wall.Format(time.TimeOnly)}, nil
}

// on gives a time without a date that of its row.
func (w written) on(date string) written {
	if w.date == "" && w.clock != "" {
		w.date = date
	}
	return w
}

func (w written) text() string {
	if w.date != "" && w.clock != "" {
		return w.date + "T" + w.clock
	}
	return w.whole + w.clock
}

// times reads when a row's shift starts, where that is mapped, and ends. The text is how
// the end is written, in a form that readWhen knows.
func (d Defaults) times(cells map[string]string) (start, at time.Time, text string, err error) {
	var date string
	if cells["date"] != "" {
		w, err := d.readWritten(cells["date"])
		if err == nil && w.date == "" {
			err = fmt.Errorf("%q: no date", cells["date"])
		}
		if err != nil {
			return start, at, "", fmt.Errorf("date: %w", err)
		}
		date = w.date
	}
	var begin written
	if cells["start"] != "" {
		if begin, err = d.readWritten(cells["start"]); err != nil {
			return start, at, "", fmt.Errorf("start: %w", err)
		}
		if begin = begin.on(date); begin.clock == "" && begin.whole == "" || begin.date == "" && begin.whole == "" {
			return start, at, "", fmt.Errorf("start: %q: it needs a date and a time of day: map a column with the date as well", cells["start"])
		}
		if start, err = readWhen(begin.text(), d.Now.In(d.Loc)); err != nil {
			return start, at, "", fmt.Errorf("start: %q: %w", cells["start"], err)
		}
		date = or(date, start.In(d.Loc).Format(time.DateOnly))
	}
	if cells["at"] == "" {
		at, err = d.lasting(cells, start)
		return start, at, "", err
	}
	end, err := d.readWritten(cells["at"])
	if err == nil && end.date != "" && end.clock == "" {
		err = fmt.Errorf("%q: it is a date without a time of day", cells["at"])
	}
	if err != nil {
		return start, at, "", fmt.Errorf("at: %w", err)
	}
	if end, err = overnight(begin, end, date); err != nil {
		return start, at, "", fmt.Errorf("at: %w", err)
	}
	text = end.text()
	if at, err = d.when(text, d.Now); err != nil {
		return start, at, "", fmt.Errorf("at: %w", err)
	}
	if !start.IsZero() && !at.After(start) {
		return start, at, "", fmt.Errorf("at: %q is not after the start %q", cells["at"], cells["start"])
	}
	return start, at, text, nil
}

// overnight gives an end that is only a clock its day: the start's, or the next where it
// is earlier than the start.
func overnight(begin, end written, date string) (written, error) {
	if end.date != "" || end.clock == "" {
		return end, nil
	}
	end = end.on(date)
	switch {
	case begin.clock == "" || end.date == "":
		return end, nil
	case begin.clock == end.clock:
		return end, fmt.Errorf("%q is the start as well: leave such rows out with --where, or give the date", end.clock)
	case end.clock > begin.clock:
		return end, nil
	}
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return end, err
	}
	end.date = day.AddDate(0, 0, 1).Format(time.DateOnly)
	return end, nil
}

// lasting is the end of a shift of which the start and the length are known; zero without
// a length.
func (d Defaults) lasting(cells map[string]string, start time.Time) (time.Time, error) {
	for name, unit := range map[string]time.Duration{"minutes": time.Minute, "hours": time.Hour} {
		text := cells[name]
		if text == "" {
			continue
		}
		n, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
		if err != nil || !(n > 0 && n*float64(unit) <= float64(48*time.Hour)) {
			return time.Time{}, fmt.Errorf("%s: %q: must be a number above 0, and not beyond two days", name, text)
		}
		if start.IsZero() {
			return time.Time{}, fmt.Errorf("%s: the start is blank", name)
		}
		at := start.Add(time.Duration(n * float64(unit))).Truncate(time.Second)
		if !at.After(d.Now) && !d.Passed && !d.Late {
			return time.Time{}, fmt.Errorf("%s: the end %s has passed", name, at.In(d.Loc).Format("2006-01-02T15:04"))
		}
		return at, nil
	}
	return time.Time{}, nil
}

// errOrder is about Rules.Dates.
var errOrder = errors.New("must be dmy, mdy or ymd")
