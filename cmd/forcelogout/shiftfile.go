package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// shiftRow is one line of a shift file.
type shiftRow struct {
	line    int // from 1, as in an editor
	vcc     string
	at      time.Time // zero: now
	command messages.Command
}

// shiftDefaults are what holds for rows that do not say otherwise.
type shiftDefaults struct {
	name                                string // of the file; part of ids
	vcc, inspector, reason, requestedBy string
	at                                  time.Time     // zero: now
	notBefore                           time.Time     // zero: at once
	expiresIn                           time.Duration // after the row's time; 0: see defaultExpiry
	now                                 time.Time
	loc                                 *time.Location
}

// defaultExpiry is how long after its time a command may run that is for later.
const defaultExpiry = 15 * time.Minute

// lineError says what is wrong with one line.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

// errDone ends a reading whose reader wants no more.
var errDone = errors.New("no more rows wanted")

// readShift reads a shift file, CSV with a header or NDJSON, one row at a time. A
// *lineError is about its line only, and rows follow; any other error is the end.
func readShift(r io.Reader, d shiftDefaults) iter.Seq2[shiftRow, error] {
	return func(yield func(shiftRow, error) bool) {
		in := bufio.NewReaderSize(r, maxLine)
		each := func(line int, fields map[string]string, meta map[string]string) error {
			row, err := d.row(fields, meta)
			return offer(yield, line, row, err)
		}
		var err error
		switch start, peekErr := firstByte(in); {
		case peekErr != nil:
			err = fmt.Errorf("reading the file: %w", peekErr)
		case start == '{':
			err = readNDJSON(in, func(line int, data []byte) error {
				row, err := d.jsonRow(data)
				return offer(yield, line, row, err)
			}, func(e *lineError) error { return offer(yield, e.line, shiftRow{}, e.err) })
		default:
			err = readCSV(in, each, func(e *lineError) error { return offer(yield, e.line, shiftRow{}, e.err) })
		}
		if err != nil && !errors.Is(err, errDone) {
			yield(shiftRow{}, err)
		}
	}
}

func offer(yield func(shiftRow, error) bool, line int, row shiftRow, err error) error {
	row.line = line
	if err != nil {
		err = &lineError{line, err}
	}
	if !yield(row, err) {
		return errDone
	}
	return nil
}

// firstByte skips a byte order mark and tells the first byte that is not white
// space, without taking it; 0 for an empty file.
func firstByte(in *bufio.Reader) (byte, error) {
	if head, _ := in.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3)
	}
	for n := 1; n <= in.Size(); n++ {
		head, err := in.Peek(n)
		if len(head) < n {
			if err == io.EOF {
				err = nil
			}
			return 0, err
		}
		if c := head[n-1]; !bytes.ContainsRune([]byte(" \t\r\n"), rune(c)) {
			return c, nil
		}
	}
	return 0, errors.New("it begins with nothing but white space")
}

// row makes a command of named cells; meta are those that no field has.
func (d shiftDefaults) row(cells, meta map[string]string) (shiftRow, error) {
	row := shiftRow{vcc: or(cells["vcc"], d.vcc), at: d.at}
	if err := messages.ValidateVCC(row.vcc); err != nil {
		return row, err
	}
	var err error
	if text := cells["at"]; text != "" {
		if row.at, err = parseWhen(text, d.now, d.loc); err != nil {
			return row, fmt.Errorf("at: %w", err)
		}
	}
	row.command = messages.Command{
		ID: cells["id"], WorkNo: cells["workno"], Inspector: or(cells["inspector"], d.inspector),
		Reason: or(cells["reason"], d.reason), RequestedBy: or(cells["requestedby"], d.requestedBy), ReplyTo: cells["replyto"],
	}
	if len(meta) > 0 {
		row.command.Meta = meta
	}
	if err := d.conditions(&row, cells); err != nil {
		return row, err
	}
	if row.command.ID == "" {
		row.command.ID = d.id(row, cells["at"], pairs(cells, meta))
	}
	return d.complete(row)
}

// conditions reads the cells about times. A duration counts from the row's time.
func (d shiftDefaults) conditions(row *shiftRow, cells map[string]string) error {
	c := &row.command
	from := d.now
	if !row.at.IsZero() {
		from = row.at
	}
	for _, cell := range []struct {
		name string
		to   *time.Time
	}{{"notBefore", &c.NotBefore}, {"expiresAt", &c.ExpiresAt}, {"graceUntil", &c.GraceUntil}} {
		text := cells[strings.ToLower(cell.name)]
		if text == "" {
			continue
		}
		base := d.now
		if strings.HasPrefix(text, "+") {
			base = from
		}
		at, err := parseWhen(text, base, d.loc)
		if err != nil {
			return fmt.Errorf("%s: %w", cell.name, err)
		}
		*cell.to = at
	}
	if text := cells["signedinbefore"]; text != "" {
		at, err := readWhen(text, d.now.In(d.loc))
		if err != nil {
			return fmt.Errorf("signedInBefore: %q: %w", text, err)
		}
		c.SignedInBefore = at
	}
	switch strings.ToLower(cells["whenidle"]) {
	case "", "false":
	case "true":
		c.WhenIdle = true
	default:
		return fmt.Errorf("whenIdle: must be true or false, got %q", cells["whenidle"])
	}
	return nil
}

// complete settles the times and checks the whole.
func (d shiftDefaults) complete(row shiftRow) (shiftRow, error) {
	c := &row.command
	if c.IssuedAt.IsZero() {
		c.IssuedAt = d.now.UTC().Truncate(time.Millisecond)
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = row.at
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = d.notBefore
	}
	if c.ExpiresAt.IsZero() {
		c.ExpiresAt = d.expiry(*c)
	}
	if !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(d.now) {
		return row, errors.New("expiresAt: it has passed")
	}
	return row, c.Validate()
}

// expiry is when a command ends that does not say so. One for at once leaves that
// to the workers, unless --expires-in is given.
func (d shiftDefaults) expiry(c messages.Command) time.Time {
	life := d.expiresIn
	switch {
	case life == 0 && c.NotBefore.IsZero():
		return time.Time{}
	case life == 0:
		life = defaultExpiry
	}
	from := d.now
	for _, t := range []time.Time{c.NotBefore, c.GraceUntil} {
		if t.After(from) {
			from = t
		}
	}
	return from.Add(life)
}

// id derives a command's id, so that the same file sent again is the same orders.
// Its time is the row's; a row that is for now, or so long from now, is the day's.
func (d shiftDefaults) id(row shiftRow, at, content string) string {
	when := row.at.UTC().Format(time.RFC3339)
	if row.at.IsZero() || strings.HasPrefix(at, "+") {
		when = d.now.In(d.loc).Format(time.DateOnly)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{d.name, row.vcc, content, when}, "\x00")))
	return "f-" + hex.EncodeToString(sum[:20])
}

// pairs is the content of a row in a form that does not depend on the order of the
// columns.
func pairs(cells ...map[string]string) string {
	var all strings.Builder
	for _, some := range cells {
		for _, name := range slices.Sorted(maps.Keys(some)) {
			if some[name] != "" {
				fmt.Fprintf(&all, "%q=%q\n", strings.ToLower(name), some[name])
			}
		}
	}
	return all.String()
}

func or(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}
