package messages

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxText is how many bytes of a gateway's or error's text are passed on.
const maxText = 1024

// appendMillis appends a time in UTC like 2006-01-02T15:04:05.000Z, which takes a third
// of the time of such a layout.
func appendMillis(text []byte, t time.Time) []byte {
	text = t.UTC().AppendFormat(text, time.RFC3339)
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(text[:len(text)-1], '.', '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10), 'Z')
}

// event is the JSON of a Result or Progress, written field by field: a library that
// finds out about types takes four times as long. Zero values are left out, except
// by the methods that say so. Times are RFC 3339 in UTC with milliseconds always, so
// that they sort as text. What we report must not be lost because of a broken byte in
// it, so invalid UTF-8 is replaced.
type event struct {
	json []byte
	err  error // a field could not be written
}

// newEvent has room for so many bytes before it has to grow.
func newEvent(room int) event { return event{json: append(make([]byte, 0, room), '{')} }

func (e *event) name(name string) {
	if len(e.json) > 1 {
		e.json = append(e.json, ',')
	}
	e.json = append(append(append(e.json, '"'), name...), '"', ':')
}

func (e *event) quote(text string) {
	e.json, _ = jsontext.AppendQuote(e.json, text) // the error says that bytes were replaced
}

// must writes a text that is never left out.
func (e *event) must(name, text string) {
	e.name(name)
	e.quote(text)
}

func (e *event) text(name, text string) {
	if text != "" {
		e.must(name, text)
	}
}

// count writes a number that is never left out.
func (e *event) count(name string, n int) {
	e.name(name)
	e.json = strconv.AppendInt(e.json, int64(n), 10)
}

func (e *event) number(name string, n int) {
	if n != 0 {
		e.count(name, n)
	}
}

func (e *event) truth(name string, yes *bool) {
	if yes != nil {
		e.name(name)
		e.json = strconv.AppendBool(e.json, *yes)
	}
}

func (e *event) flag(name string, set bool) {
	if set {
		e.truth(name, &set)
	}
}

func (e *event) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		e.err = fmt.Errorf("%s: year %d is outside RFC 3339", name, y)
		return
	}
	e.name(name)
	e.json = append(appendMillis(append(e.json, '"'), t), '"')
}

func (e *event) texts(name string, texts map[string]string) {
	if len(texts) == 0 {
		return
	}
	data, err := json.Marshal(texts, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		e.err = fmt.Errorf("%s: %w", name, err)
		return
	}
	e.name(name)
	e.json = append(e.json, data...)
}

func (e *event) end() ([]byte, error) { return append(e.json, '}'), e.err }

// clip makes text from outside fit: valid UTF-8, at most maxText bytes, cut
// between characters.
func clip(s string) string {
	if len(s) > 4*maxText { // do not copy megabytes of an error page
		s = s[:4*maxText]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
