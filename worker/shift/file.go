package shift

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Row is one line of a shift file.
type Row struct {
	Line    int // from 1, as in an editor
	VCC     string
	Start   time.Time      // of the shift; zero where that is not mapped
	Loc     *time.Location // of its times
	Clock   string         // how a clock change moved its time; mostly ""
	At      time.Time      // zero: now
	Command messages.Command
}

// Defaults are what holds for rows that do not say otherwise.
type Defaults struct {
	Name                                string // of the file; part of ids
	VCC, Inspector, Reason, RequestedBy string
	At                                  time.Time     // zero: now
	NotBefore                           time.Time     // zero: at once
	ExpiresIn                           time.Duration // after the row's time; 0: see defaultExpiry
	Now                                 time.Time
	Loc                                 *time.Location
	Day                                 time.Time  // of the file, for ids of rows without a time; zero: now's
	Passed                              bool       // times may have passed: it is about ids only
	Late                                bool       // times may have passed, and all else is as for what is sent
	Rules                               Rules      // how to take columns and rows
	Conditions                          Conditions // of rows that do not say so themselves
}

// rules are those of the reading. What is about ids only takes any file that could have
// been sent.
func (d Defaults) rules() Rules {
	r := d.Rules
	if !d.At.IsZero() || !d.NotBefore.IsZero() {
		r.Immediate = true // no row is without a time
	}
	if d.Passed {
		r.Immediate, r.Ignore = true, append(slices.Clone(r.Ignore), "*")
	}
	return r
}

// LineError says what is wrong with one line.
type LineError struct {
	Line   int
	Err    error
	Record []string // the row as it came; nil where it has no cells
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// errDone ends a reading whose reader wants no more.
var errDone = errors.New("no more rows wanted")

// Read reads a shift file, CSV with a header or NDJSON, one row at a time. A
// *LineError is about its line only, and rows follow; any other error is the end.
func Read(r io.Reader, d Defaults) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		in := bufio.NewReaderSize(r, maxLine)
		d.Rules.note(func(s *Seen) { *s = Seen{} })
		each := func(line int, record []string, cells, meta map[string]string) error {
			row, err := d.Row(cells, meta)
			return offer(yield, line, record, row, err)
		}
		bad := func(e *LineError) error { return offer(yield, e.Line, e.Record, Row{}, e.Err) }
		var err error
		switch start, peekErr := firstByte(in); {
		case peekErr != nil:
			err = fmt.Errorf("reading the file: %w", peekErr)
		case kind(peeked(in)) != nil:
			err = kind(peeked(in))
		case start == '{':
			d.Rules.note(func(s *Seen) { s.Header = []string{"line"} })
			rows := newObjects(d)
			err = readNDJSON(in, func(line int, data []byte) error { return rows.line(yield, line, data) }, bad)
		default:
			err = d.readCSV(in, each, bad)
		}
		if err != nil && !errors.Is(err, errDone) {
			yield(Row{}, err)
		}
	}
}

func offer(yield func(Row, error) bool, line int, record []string, row Row, err error) error {
	row.Line = line
	if err != nil {
		err = &LineError{line, err, slices.Clone(record)}
	}
	if !yield(row, err) {
		return errDone
	}
	return nil
}

// peeked is the beginning of a file, without taking it.
func peeked(in *bufio.Reader) []byte {
	head, _ := in.Peek(512)
	return head
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
