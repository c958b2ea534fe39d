package messages

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Identify finds out which command and agent a payload is about that
// DecodeCommand refuses, so that a result can tell its publisher. It is best
// effort: ok is true when id and workNo were each read exactly once, as strings,
// and are valid, even if the rest is unknown, repeated, broken or too large.
// Otherwise both strings are empty.
func Identify(data []byte) (id, workNo string, ok bool) {
	in := jsontext.NewDecoder(bytes.NewReader(data),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if in.PeekKind() != jsontext.KindBeginObject {
		return "", "", false
	}
	in.ReadToken() // the brace just seen
	ids, workNos := readIdentity(in)
	if len(ids) != 1 || ValidateID(ids[0]) != nil {
		return "", "", false
	}
	if len(workNos) != 1 || ValidateWorkNo(workNos[0]) != nil {
		return "", "", false
	}
	return ids[0], workNos[0], true
}

// readIdentity collects every id and workNo of the top-level object until it
// ends or breaks. Values of another type count as "", which is never valid.
func readIdentity(in *jsontext.Decoder) (ids, workNos []string) {
	for {
		tok, err := in.ReadToken()
		if err != nil || tok.Kind() != jsontext.KindString {
			return ids, workNos
		}
		name := tok.String()
		value, err := in.ReadValue()
		switch name {
		case "id":
			ids = append(ids, stringOf(value, err))
		case "workNo":
			workNos = append(workNos, stringOf(value, err))
		}
		if err != nil {
			return ids, workNos
		}
	}
}

func stringOf(value jsontext.Value, err error) string {
	if err != nil || value.Kind() != jsontext.KindString {
		return ""
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return ""
	}
	return string(text)
}
