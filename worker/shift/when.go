package shift

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones by name, also where the machine has none
)

// justPassed is how long ago a time of day must be to mean tomorrow's: who asks for
// 18:00 at 18:01 does not mean tomorrow.
const justPassed = time.Hour

const whenForms = `give 18:00, 2026-11-24T18:00, an RFC 3339 time such as 2026-11-24T18:00:00+01:00, or +90m`

// ParseWhen reads a time that lies ahead: RFC 3339, a local date and time, a time of
// day (today, or tomorrow if it has passed), or a duration from now.
func ParseWhen(text string, now time.Time, loc *time.Location) (time.Time, error) {
	at, err := readWhen(strings.TrimSpace(text), now.In(loc))
	if err != nil {
		return time.Time{}, fmt.Errorf("%q: %w", text, err)
	}
	if !at.After(now) {
		return time.Time{}, fmt.Errorf("%q: that has passed, %s ago", text, now.Sub(at).Round(time.Second))
	}
	return at, nil
}

func readWhen(text string, now time.Time) (time.Time, error) {
	if after, is := strings.CutPrefix(text, "+"); is {
		d, err := parseSpan(after)
		if err != nil || d <= 0 || strings.HasPrefix(after, "+") {
			return time.Time{}, fmt.Errorf("no duration: write +90m, +1h30m or +1d")
		}
		return now.Add(d), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if wall, is := dateAndTime(text); is {
		return OnWall(wall, now.Location()), nil
	}
	if wall, is := timeOfDay(text); is {
		return nextTimeOfDay(wall, now)
	}
	return time.Time{}, fmt.Errorf("no time: %s", whenForms)
}

// dateAndTime reads 2026-11-24T18:00 as what clocks show.
func dateAndTime(text string) (wall time.Time, is bool) {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if wall, err := time.Parse(layout, text); err == nil {
			return wall, true
		}
	}
	return wall, false
}

// clockChange tells how a clock change moved what is written as text and was read as at.
func clockChange(text string, at time.Time, loc *time.Location) string {
	text = strings.TrimSpace(text)
	wall, is := dateAndTime(text)
	if !is {
		if wall, is = timeOfDay(text); !is {
			return ""
		}
	}
	local := at.In(loc)
	if local.Hour() != wall.Hour() || local.Minute() != wall.Minute() {
		return fmt.Sprintf("%s does not exist there, the clocks are set forward: taken as %s", wall.Format("15:04"), local.Format("15:04"))
	}
	_, before := at.Add(-24 * time.Hour).In(loc).Zone()
	_, after := at.Add(24 * time.Hour).In(loc).Zone()
	again := at.Add(time.Duration(before-after) * time.Second).In(loc)
	if before > after && again.Hour() == local.Hour() && again.Minute() == local.Minute() {
		return wall.Format("15:04") + " comes twice there, the clocks are set back: taken as the first"
	}
	return ""
}

// timeOfDay reads 18:00 or 18:00:30.
func timeOfDay(text string) (wall time.Time, is bool) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if wall, err := time.Parse(layout, text); err == nil {
			return wall, true
		}
	}
	return wall, false
}

// onDay is when the clocks show wall on the day that is so many after that of now.
func onDay(wall, now time.Time, days int) time.Time {
	return OnWall(time.Date(now.Year(), now.Month(), now.Day()+days, wall.Hour(), wall.Minute(), wall.Second(), 0, time.UTC), now.Location())
}

// firstTimeOfDay is the first time after base at which the clocks show text.
func firstTimeOfDay(text string, base time.Time) (at time.Time, is bool) {
	wall, is := timeOfDay(text)
	if !is {
		return time.Time{}, false
	}
	if at = onDay(wall, base, 0); !at.After(base) {
		at = onDay(wall, base, 1)
	}
	return at, true
}

// lastWhen reads a time; a time of day is the last that is not after base.
func lastWhen(text string, base time.Time) (time.Time, error) {
	wall, is := timeOfDay(strings.TrimSpace(text))
	if !is {
		return readWhen(strings.TrimSpace(text), base)
	}
	at := onDay(wall, base, 0)
	if at.After(base) {
		at = onDay(wall, base, -1)
	}
	return at, nil
}

// nearWhen is readWhen for a time that may have just passed: then it is today's.
func nearWhen(text string, now time.Time) (time.Time, error) {
	wall, is := timeOfDay(text)
	if !is {
		return readWhen(text, now)
	}
	at := onDay(wall, now, 0)
	if now.Sub(at) >= justPassed {
		at = onDay(wall, now, 1)
	}
	return at, nil
}

// nextTimeOfDay is today's or tomorrow's, by the calendar and not by 24 hours.
func nextTimeOfDay(wall, now time.Time) (time.Time, error) {
	today := onDay(wall, now, 0)
	switch ago := now.Sub(today); {
	case ago < 0:
		return today, nil
	case ago < justPassed:
		return time.Time{}, fmt.Errorf("that was %s ago: leave out the time to send now, or give the date as well", ago.Round(time.Second))
	}
	return onDay(wall, now, 1), nil
}

// OnWall is when the clocks of a zone show what wall shows in UTC. A time that
// daylight saving skips is moved forward by the gap; of one that comes twice it is
// the first. time.Date leaves both open.
func OnWall(wall time.Time, loc *time.Location) time.Time {
	offset := func(at time.Time) time.Duration {
		_, seconds := at.In(loc).Zone()
		return time.Duration(seconds) * time.Second
	}
	// With the offset of the day before, and of the day after.
	before, after := wall.Add(-offset(wall.Add(-24*time.Hour))), wall.Add(-offset(wall.Add(24*time.Hour)))
	shows := func(at time.Time) bool { return at.Add(offset(at)).Equal(wall) }
	switch {
	case shows(before) && (!shows(after) || before.Before(after)):
		return before.In(loc)
	case shows(after):
		return after.In(loc)
	}
	return before.In(loc) // the gap: the offset before it shows the time after it
}

// LoadZone finds a time zone by name; "" is the machine's.
func LoadZone(name string) (*time.Location, error) {
	if name == "" {
		return time.Local, nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q: no such time zone: give a name like Europe/Madrid", name)
	}
	return loc, nil
}
