package shift

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Span is a length of time that may be given in days: 90m, 12h, 1d, 1d12h.
type Span time.Duration

var days = regexp.MustCompile(`^(\d{1,5})d(.*)$`)

// parseSpan reads one.
func parseSpan(text string) (time.Duration, error) {
	var total time.Duration
	rest := text
	if found := days.FindStringSubmatch(text); found != nil {
		n, err := strconv.Atoi(found[1])
		if err != nil {
			return 0, err
		}
		total, rest = time.Duration(n)*24*time.Hour, found[2]
		if rest == "" {
			return total, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, fmt.Errorf("%q is no length of time: write 90m, 12h or 1d", text)
	}
	return total + d, nil
}

// UnmarshalText reads one that is longer than nothing.
func (s *Span) UnmarshalText(text []byte) error {
	d, err := parseSpan(string(text))
	if err == nil && d <= 0 {
		err = errors.New("must be above 0")
	}
	*s = Span(d)
	return err
}
