package messages

import (
	"fmt"
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

// eventForm is how a Result or Progress is written: times as RFC 3339 in UTC with
// milliseconds always, so that they sort as text. What we report must not be lost
// because of a broken byte in it, so invalid UTF-8 is replaced. It is made once:
// what it has learnt about types is kept in it.
var eventForm = json.JoinOptions(
	json.Deterministic(true),
	jsontext.AllowInvalidUTF8(true),
	json.WithMarshalers(json.MarshalToFunc(writeMillis)))

func encodeEvent(v any) ([]byte, error) { return json.Marshal(v, eventForm) }

func writeMillis(out *jsontext.Encoder, t time.Time) error {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return fmt.Errorf("year %d is outside RFC 3339", y)
	}
	var text [len(`"2006-01-02T15:04:05.000Z"`)]byte
	quoted := append(appendMillis(append(text[:0], '"'), t), '"')
	return out.WriteValue(quoted)
}

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
