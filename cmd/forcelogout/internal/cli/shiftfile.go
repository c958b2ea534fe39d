package cli

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
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
	day                                 time.Time // of the file, for ids of rows without a time; zero: now's
	passed                              bool      // times may have passed: it is about ids only
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
		if row.at, err = d.when(text, d.now); err != nil {
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
		row.command.ID = d.id(row, relative(cells))
	}
	return d.complete(row)
}

// when reads a time that lies ahead of base, or has passed where that is all the same.
func (d shiftDefaults) when(text string, base time.Time) (time.Time, error) {
	if !d.passed {
		return parseWhen(text, base, d.loc)
	}
	at, err := nearWhen(strings.TrimSpace(text), base.In(d.loc))
	if err != nil {
		return at, fmt.Errorf("%q: %w", text, err)
	}
	return at, nil
}

// conditions reads the cells about times. A duration counts from the row's time, and a
// time of day is the first after it; of signedInBefore it is the last that is not
// after it.
func (d shiftDefaults) conditions(row *shiftRow, cells map[string]string) error {
	c := &row.command
	from := d.now
	if !row.at.IsZero() {
		from = row.at
	}
	for _, cell := range []struct {
		name string
		base time.Time
		to   *time.Time
	}{{"notBefore", d.now, &c.NotBefore}, {"expiresAt", from, &c.ExpiresAt}, {"graceUntil", from, &c.GraceUntil}} {
		text := cells[strings.ToLower(cell.name)]
		if text == "" {
			continue
		}
		base := cell.base
		if strings.HasPrefix(text, "+") {
			base = from
		}
		at, err := d.condition(text, base)
		if err != nil {
			return fmt.Errorf("%s: %w", cell.name, err)
		}
		*cell.to = at
	}
	if text := cells["signedinbefore"]; text != "" {
		at, err := lastWhen(text, from.In(d.loc))
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

// condition reads a time of day as the first after base, and any other as it is.
func (d shiftDefaults) condition(text string, base time.Time) (time.Time, error) {
	if at, is := firstTimeOfDay(strings.TrimSpace(text), base.In(d.loc)); is {
		return at, nil
	}
	return d.when(text, base)
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
	if !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(d.now) && !d.passed {
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
	return c.Expiry(d.now, life)
}

// id derives a command's id, so that the same file sent again is the same orders. It
// holds what decides: whom it is for, when, and the conditions; no text for an audit.
// A time is that moment, however it was written; one that counts from now is its text.
// A row without a time of its own is the file's day's, so that the same file is the
// same after midnight, and tomorrow's export is another.
func (d shiftDefaults) id(row shiftRow, relative map[string]string) string {
	c := row.command
	day := d.day
	if day.IsZero() {
		day = d.now
	}
	when := row.at.UTC().Format(time.RFC3339)
	if row.at.IsZero() {
		when = day.In(d.loc).Format(time.DateOnly)
	} else if text := relative["at"]; text != "" {
		when = day.In(d.loc).Format(time.DateOnly) + text
	}
	stamp := func(name string, t time.Time) string {
		if text := relative[name]; text != "" || t.IsZero() {
			return text
		}
		return t.UTC().Format(time.RFC3339)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{
		d.name, row.vcc, c.WorkNo, c.Inspector, when, stamp("notbefore", c.NotBefore), stamp("expiresat", c.ExpiresAt),
		stamp("signedinbefore", c.SignedInBefore), strconv.FormatBool(c.WhenIdle), stamp("graceuntil", c.GraceUntil), c.ReplyTo,
	}, "\x00")))
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

func or(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}
