package messages

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// DecodeCommand reads and validates one command. It is strict: unknown,
// misspelt or repeated fields, null, wrong types, trailing data, invalid UTF-8
// and values outside the contract's limits are all refused. Times come back in
// UTC, an empty meta as nil. The error is an *InvalidError that names the field
// and what to change.
func DecodeCommand(data []byte) (Command, error) {
	if err := checkPayload(data); err != nil {
		return Command{}, err
	}
	// Duplicate names are found by seen, for an error that names the field.
	d := commandDecoder{
		// It reads a buffer in place, and any other reader through one of its own.
		in:   jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true)),
		seen: make([]string, 0, 8),
	}
	if err := d.object("", d.member); err != nil {
		return Command{}, err
	}
	if _, err := d.in.ReadToken(); err != io.EOF {
		return Command{}, invalid("", "there is data after the JSON object, send one command per message")
	}
	if err := d.cmd.Validate(); err != nil {
		return Command{}, err
	}
	return d.cmd, nil
}

func checkPayload(data []byte) error {
	switch {
	case len(data) > MaxCommandSize:
		return tooLarge(len(data))
	case len(bytes.TrimSpace(data)) == 0:
		return invalid("", "the payload is empty, must be a JSON object")
	case bytes.HasPrefix(data, []byte("\ufeff")):
		return invalid("", "the payload starts with a byte order mark, send plain UTF-8 without it")
	}
	return nil
}

type commandDecoder struct {
	in   *jsontext.Decoder
	cmd  Command
	seen []string // names, few
}

// object reads an object and calls member after each name, to read its value.
// field is for errors, empty at the top level.
func (d *commandDecoder) object(field string, member func(name string) error) error {
	if err := d.want(field, jsontext.KindBeginObject); err != nil {
		return err
	}
	for {
		tok, err := d.in.ReadToken()
		if err != nil {
			return syntaxError(field, err)
		}
		switch tok.Kind() {
		case jsontext.KindBeginObject:
			continue
		case jsontext.KindEndObject:
			return nil
		}
		if err := member(tok.String()); err != nil {
			return err
		}
	}
}

// member reads the value of one field of the command. Keep it in step with
// commandFields and the tags of Command.
func (d *commandDecoder) member(name string) error {
	if slices.Contains(d.seen, name) { // a known one, since an unknown one ends the decoding
		return invalid(name, "is given more than once")
	}
	d.seen = append(d.seen, name)
	switch c := &d.cmd; name {
	case "id":
		return d.text(name, &c.ID)
	case "workNo":
		return d.text(name, &c.WorkNo)
	case "inspector":
		return d.given(name, &c.Inspector)
	case "issuedAt":
		return d.time(name, &c.IssuedAt)
	case "notBefore":
		return d.time(name, &c.NotBefore)
	case "expiresAt":
		return d.time(name, &c.ExpiresAt)
	case "reason":
		return d.text(name, &c.Reason)
	case "requestedBy":
		return d.text(name, &c.RequestedBy)
	case "replyTo":
		return d.given(name, &c.ReplyTo)
	case "meta":
		return d.object(name, d.metaEntry)
	case "signedInBefore":
		return d.time(name, &c.SignedInBefore)
	case "whenIdle":
		return d.truth(name, &c.WhenIdle)
	case "graceUntil":
		return d.time(name, &c.GraceUntil)
	case "wrapUp":
		return d.duration(name, &c.WrapUp)
	case "stayOut":
		return d.duration(name, &c.StayOut)
	}
	return unknownField(name)
}

func (d *commandDecoder) text(field string, to *string) error {
	if err := d.want(field, jsontext.KindString); err != nil {
		return err
	}
	tok, err := d.in.ReadToken()
	if err != nil {
		return syntaxError(field, err)
	}
	*to = tok.String()
	return nil
}

func (d *commandDecoder) truth(field string, to *bool) error {
	if d.in.PeekKind() != jsontext.KindFalse {
		if err := d.want(field, jsontext.KindTrue); err != nil {
			return err
		}
	}
	tok, err := d.in.ReadToken()
	if err != nil {
		return syntaxError(field, err)
	}
	*to = tok.Kind() == jsontext.KindTrue
	return nil
}

// given is for optional fields where "" is outside the allowed values. Taking it
// as "not given" would let any inspector act where one was meant to be named.
func (d *commandDecoder) given(field string, to *string) error {
	if err := d.text(field, to); err != nil {
		return err
	}
	if *to == "" {
		return invalid(field, `must not be "", leave the field out instead`)
	}
	return nil
}

func (d *commandDecoder) time(field string, to *time.Time) error {
	var s string
	if err := d.text(field, &s); err != nil {
		return err
	}
	t, ok := parseTime(s)
	if !ok {
		return invalid(field, "must be an RFC 3339 time with offset such as 2026-01-31T18:00:00Z, got "+quote(s))
	}
	if t.IsZero() {
		return invalid(field, "must be a real time, leave the field out instead of sending "+quote(s))
	}
	*to = t.UTC()
	return nil
}

func (d *commandDecoder) duration(field string, to *Duration) error {
	var s string
	if err := d.text(field, &s); err != nil {
		return err
	}
	if to.UnmarshalText([]byte(s)) != nil {
		return invalid(field, "must be a length of time such as 60s or 1m30s, got "+quote(s))
	}
	if *to == 0 {
		return invalid(field, "must be whole seconds from 1s, leave the field out instead")
	}
	return nil
}

func (d *commandDecoder) metaEntry(name string) error {
	if _, dup := d.cmd.Meta[name]; dup {
		return invalid("meta", "entry "+quote(name)+" is given more than once")
	}
	if k := d.in.PeekKind(); k != jsontext.KindString && k != jsontext.KindInvalid {
		return invalid("meta", "entry "+quote(name)+" must be a string, got "+kindName(k))
	}
	if d.cmd.Meta == nil {
		d.cmd.Meta = make(map[string]string)
	}
	var value string
	if err := d.text("meta", &value); err != nil {
		return err
	}
	d.cmd.Meta[name] = value
	return nil
}

// want refuses a value of another type before it is read.
func (d *commandDecoder) want(field string, kind jsontext.Kind) error {
	got := d.in.PeekKind()
	if got == kind || got == jsontext.KindInvalid { // reading it reports what is broken
		return nil
	}
	problem := fmt.Sprintf("must be %s, got %s", kindName(kind), kindName(got))
	switch {
	case field == "":
		problem = "the payload " + problem
	case got == jsontext.KindNull:
		problem += ", leave the field out instead"
	case got == jsontext.KindNumber && kind == jsontext.KindString:
		problem += ", put it in quotes"
	}
	return invalid(field, problem)
}

func unknownField(name string) error {
	problem := "unknown field " + quote(name)
	for _, known := range commandFields() {
		if strings.EqualFold(known, strings.NewReplacer("_", "", "-", "").Replace(name)) {
			return invalid("", problem+", did you mean "+known+"?")
		}
	}
	return invalid("", problem+", allowed are "+strings.Join(commandFields(), ", "))
}

func commandFields() []string {
	return []string{"id", "workNo", "inspector", "issuedAt", "notBefore", "expiresAt",
		"reason", "requestedBy", "replyTo", "meta", "signedInBefore", "whenIdle", "graceUntil", "wrapUp", "stayOut"}
}
