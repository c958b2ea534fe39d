package messages

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxErrorText = 300 // bytes of an InvalidError's text: it becomes a NATS header
	maxQuoted    = 64  // bytes of foreign input that an error may show
)

// InvalidError says what is wrong with a value and what to change.
type InvalidError struct {
	Field   string // the JSON field or setting at fault; empty if it is the whole message
	Problem string // what it must be and what was found, without the field's name
}

// Error returns "field: problem", or the problem alone where no field is at
// fault. The text is always one printable line of at most 300 bytes, so that it
// can be a NATS header whatever the input was.
func (e *InvalidError) Error() string {
	if e.Field == "" {
		return oneLine(e.Problem)
	}
	return oneLine(e.Field + ": " + e.Problem)
}

func invalid(field, problem string) error {
	return &InvalidError{Field: field, Problem: problem}
}

// oneLine is the last guard of Error: texts built here are printable and short
// already, but anyone can fill an InvalidError.
func oneLine(s string) string {
	var b strings.Builder
	for _, r := range s {
		if !unicode.IsPrint(r) {
			r = '?'
		}
		if b.Len()+utf8.RuneLen(r) > maxErrorText {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// quote shows input within an error: quoted, escaped and cut to maxQuoted bytes.
// It cuts the escaped form, since escaping can quadruple the length.
func quote(s string) string {
	var b strings.Builder
	for rest := s; rest != ""; {
		_, n := utf8.DecodeRuneInString(rest)
		q := strconv.Quote(rest[:n])
		q = q[1 : len(q)-1]
		if b.Len()+len(q) > maxQuoted {
			return `"` + b.String() + `"...`
		}
		b.WriteString(q)
		rest = rest[n:]
	}
	return `"` + b.String() + `"`
}
