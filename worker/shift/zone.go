package shift

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var fixedZone = regexp.MustCompile(`^(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?$`)

// rowZone finds the zone of a row: a name like Europe/Madrid, UTC, or UTC+05:30. An
// abbreviation such as CST is that of several places, and is refused
// unless the shape has it as its own.
func rowZone(text string, own map[string]*time.Location) (*time.Location, error) {
	if loc := own[text]; loc != nil {
		return loc, nil
	}
	if text == "UTC" || text == "GMT" || text == "Z" {
		return time.UTC, nil
	}
	if found := fixedZone.FindStringSubmatch(text); found != nil {
		hours, _ := strconv.Atoi(found[2])
		minutes, _ := strconv.Atoi("0" + found[3])
		if hours > 14 || minutes > 59 {
			return nil, fmt.Errorf("tz: %q: no zone is so far from UTC", text)
		}
		seconds := (hours*60 + minutes) * 60
		if found[1] == "-" {
			seconds = -seconds
		}
		return time.FixedZone(text, seconds), nil
	}
	if strings.Contains(text, "/") {
		if loc, err := time.LoadLocation(text); err == nil {
			return loc, nil
		}
	}
	return nil, fmt.Errorf("tz: %q: no such time zone: give a name like Europe/Madrid, or UTC+05:30; what the abbreviations of the file mean, a shape says in zones", text)
}
