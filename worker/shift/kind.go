package shift

import (
	"bytes"
	"errors"
)

// kind refuses what is no table of text, by what it is and with the way out.
func kind(head []byte) error {
	for _, k := range []struct{ start, err string }{
		{"PK\x03\x04", "an Excel workbook or another archive: in Excel save it as \"CSV UTF-8\""},
		{"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls): in Excel save it as \"CSV UTF-8\""},
		{"\x1f\x8b", "compressed (gzip): unpack it first"},
		{"%PDF", "a PDF document: export the plan as CSV"},
		{"\x89PNG", "a picture: export the plan as CSV"},
		{"\xff\xd8\xff", "a picture: export the plan as CSV"},
		{"GIF8", "a picture: export the plan as CSV"},
		{"\xff\xfe", "in UTF-16: save it as UTF-8 (in Excel \"CSV UTF-8\")"},
		{"\xfe\xff", "in UTF-16: save it as UTF-8 (in Excel \"CSV UTF-8\")"},
	} {
		if bytes.HasPrefix(head, []byte(k.start)) {
			return errors.New("it is " + k.err)
		}
	}
	text := bytes.TrimLeft(head, " \t\r\n")
	line, _, whole := bytes.Cut(text, []byte("\n"))
	switch {
	case bytes.HasPrefix(text, []byte("<")):
		return errors.New("it is XML or HTML: export the plan as CSV")
	case bytes.HasPrefix(text, []byte("[")):
		return errors.New("it is a JSON array: write one object per line, for example with jq -c '.[]'")
	case whole && string(bytes.TrimSpace(line)) == "{":
		return errors.New("it is one JSON document over several lines: write one object per line and agent, for example with jq -c")
	case bytes.IndexByte(head, 0) >= 0:
		return errors.New("it is no text (there are zero bytes in it): export the plan as CSV in UTF-8")
	}
	return nil
}
