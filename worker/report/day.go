package report

import (
	"fmt"
	"time"

	"github.com/forcelogout/forcelogout/worker/shift"
)

// Day is what a report is about: from its beginning to the next one.
type Day struct {
	Date     time.Time // midnight UTC of the date by which it is called
	From, To time.Time // in the zone by whose clock it is a day
}

// ParseDay reads a day: a date like 2026-11-25, today or yesterday. It begins at a time of
// day by the clock of loc, "" for midnight.
func ParseDay(text, begins string, now time.Time, loc *time.Location) (Day, error) {
	clock, err := parseBegin(begins)
	if err != nil {
		return Day{}, err
	}
	date, err := parseDate(text, now.In(loc), clock)
	if err != nil {
		return Day{}, err
	}
	if y := date.Year(); y < 1 || y > 9998 {
		return Day{}, fmt.Errorf("%q: the year must be within 1-9998", text)
	}
	return Day{
		Date: date,
		From: shift.OnWall(date.Add(clock), loc), To: shift.OnWall(date.AddDate(0, 0, 1).Add(clock), loc),
	}, nil
}

func parseBegin(begins string) (time.Duration, error) {
	if begins == "" {
		return 0, nil
	}
	at, err := time.Parse("15:04", begins)
	if err != nil {
		return 0, fmt.Errorf("%q: give the time of day at which a day begins, like 04:00", begins)
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, nil
}

// parseDate returns midnight UTC of the date.
func parseDate(text string, now time.Time, begins time.Duration) (time.Time, error) {
	y, m, d := now.Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	if h, m, _ := now.Clock(); time.Duration(h)*time.Hour+time.Duration(m)*time.Minute < begins {
		today = today.AddDate(0, 0, -1) // which has not ended yet
	}
	switch text {
	case "", "today":
		return today, nil
	case "yesterday":
		return today.AddDate(0, 0, -1), nil
	}
	date, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q: give a date like 2026-11-25, today or yesterday", text)
	}
	return date, nil
}

// Has reports whether a time is on the day.
func (d Day) Has(t time.Time) bool { return !t.Before(d.From) && t.Before(d.To) }

// Zone is the name of the zone.
func (d Day) Zone() string {
	if name := d.From.Location().String(); name != "Local" {
		return name
	}
	name, _ := d.From.Zone()
	return "the time of this machine, " + name
}

// Changes reports whether the clocks change on the day, or before the next noon, so that
// a time may come twice.
func (d Day) Changes() bool {
	_, before := d.From.Zone()
	_, after := d.To.Add(12 * time.Hour).Zone()
	return before != after
}

// Clock is what the clock shows at a time, to the second, and where that is another date
// than the day's, how many days away. Where the clocks change it names the zone.
func (d Day) Clock(t time.Time) string { return d.clock(t, "15:04:05") }

// Minute is Clock without seconds where there are none.
func (d Day) Minute(t time.Time) string {
	if t.Truncate(time.Minute).Equal(t) {
		return d.clock(t, "15:04")
	}
	return d.clock(t, "15:04:05")
}

func (d Day) clock(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	local := t.In(d.From.Location())
	if d.Changes() {
		layout += " MST"
	}
	text := local.Format(layout)
	y, m, day := local.Date()
	const seconds = 24 * 60 * 60 // a Duration ends at 292 years
	if away := (time.Date(y, m, day, 0, 0, 0, 0, time.UTC).Unix() - d.Date.Unix()) / seconds; away != 0 {
		text += fmt.Sprintf(" %+dd", away)
	}
	return text
}
