package messages

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// syntaxError tells a publisher where the JSON is broken. The decoder's own text
// is not used whole: it contains a pointer made of input of any length.
func syntaxError(field string, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return invalid(field, "the JSON ends too early, is the payload cut off?")
	}
	if broken, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return invalid(field, fmt.Sprintf("broken JSON after byte %d: %v", broken.ByteOffset, broken.Err))
	}
	return invalid(field, "broken JSON")
}

func kindName(k jsontext.Kind) string {
	switch k {
	case jsontext.KindNull:
		return "null"
	case jsontext.KindTrue, jsontext.KindFalse:
		return "a boolean"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindNumber:
		return "a number"
	case jsontext.KindBeginArray:
		return "an array"
	case jsontext.KindBeginObject:
		return "an object"
	}
	return "broken JSON"
}
