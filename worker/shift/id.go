package shift

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// id derives a command's id, so that the same file sent again is the same orders. It
// holds what decides: whom it is for, when, and the conditions; no text for an audit.
// A time is that moment, however it was written; one that counts from now is its text.
// A row without a time of its own is the file's day's, so that the same file is the
// same after midnight, and tomorrow's export is another.
func (d Defaults) id(row Row, relative map[string]string) string {
	c := row.Command
	day := d.Day
	if day.IsZero() {
		day = d.Now
	}
	when := row.At.UTC().Format(time.RFC3339)
	if row.At.IsZero() {
		when = day.In(d.Loc).Format(time.DateOnly)
	} else if text := relative["at"]; text != "" {
		when = day.In(d.Loc).Format(time.DateOnly) + text
	}
	stamp := func(name string, t time.Time) string {
		if text := relative[name]; text != "" || t.IsZero() {
			return text
		}
		return t.UTC().Format(time.RFC3339)
	}
	parts := []string{
		d.Name, row.VCC, c.WorkNo, c.Inspector, when, stamp("notbefore", c.NotBefore), stamp("expiresat", c.ExpiresAt),
		stamp("signedinbefore", c.SignedInBefore), strconv.FormatBool(c.WhenIdle), stamp("graceuntil", c.GraceUntil), c.ReplyTo,
	}
	if c.WrapUp > 0 {
		parts = append(parts, c.WrapUp.String())
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "f-" + hex.EncodeToString(sum[:20])
}

// relative are the cells of times that count from another.
func relative(cells map[string]string) map[string]string {
	found := map[string]string{}
	for name, text := range cells {
		if strings.HasPrefix(text, "+") {
			found[name] = text
		}
	}
	return found
}
