package messages

import (
	"errors"
	"regexp"
	"strings"
	"time"
)

// Duration is a length of time that is written as in 90s, 10m or 1m30s.
type Duration time.Duration

// maxDuration is the longest one that a command may have.
const maxDuration = Duration(time.Hour)

// String writes it without what is zero at its end.
func (d Duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText writes it for JSON.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// durationForm is the form of a duration: whole hours, minutes and seconds.
var durationForm = regexp.MustCompile(`^([0-9]{1,2}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$`)

// UnmarshalText reads one from JSON.
func (d *Duration) UnmarshalText(text []byte) error {
	if !durationForm.Match(text) {
		return errors.New("no duration: write 90s, 10m or 1m30s")
	}
	read, err := time.ParseDuration(string(text))
	*d = Duration(read)
	return err
}

// checkDuration keeps a duration that is given within its limits.
func checkDuration(field string, d, least Duration) error {
	if d == 0 || d >= least && d <= maxDuration && d%Duration(time.Second) == 0 {
		return nil
	}
	return invalid(field, "must be whole seconds from "+least.String()+" to "+maxDuration.String()+", got "+d.String())
}
