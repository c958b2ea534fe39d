package messages

import (
	"strings"
	"time"
)

// parseTime reads RFC 3339 and nothing else. The standard library alone also
// takes a comma for the point, hours of one digit and offsets beyond a day.
func parseTime(s string) (time.Time, bool) {
	if !isRFC3339(s) {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, s) // checks the calendar and the clock
	return t, err == nil
}

func isRFC3339(s string) bool {
	const seconds = "0000-00-00T00:00:00"
	if len(s) < len(seconds) || !hasShape(s[:len(seconds)], seconds) {
		return false
	}
	zone := s[len(seconds):]
	if fraction, ok := strings.CutPrefix(zone, "."); ok {
		zone = strings.TrimLeft(fraction, "0123456789")
		if len(zone) == len(fraction) {
			return false // no digit after the point
		}
	}
	if zone == "Z" {
		return true
	}
	return (hasShape(zone, "+00:00") || hasShape(zone, "-00:00")) && zone[1:3] <= "23" && zone[4:] <= "59"
}

// hasShape compares s with a shape in which 0 stands for any digit.
func hasShape(s, shape string) bool {
	if len(s) != len(shape) {
		return false
	}
	for i := range len(s) {
		if shape[i] == '0' && '0' <= s[i] && s[i] <= '9' {
			continue
		}
		if s[i] != shape[i] {
			return false
		}
	}
	return true
}
