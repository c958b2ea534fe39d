package shift

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxLine bounds a line of NDJSON and the header of CSV; a command has 8 KiB.
const maxLine = 64 << 10

// table is a CSV file whose header has been read.
type table struct {
	rules     Rules
	header    []string
	uses      []string // of each column, see Rules.use
	separator string
	passed    bool // see Defaults.Passed
}

// readCSV hands each row to row, by the fields' names in the form of plain, and what is
// wrong with a line to bad.
func (d Defaults) readCSV(in *bufio.Reader, row func(line int, record []string, cells, meta map[string]string) error, bad func(*LineError) error) error {
	r := csv.NewReader(in)
	if r.Comma = d.Rules.Delimiter; r.Comma == 0 {
		r.Comma = separator(in)
	}
	r.ReuseRecord = true
	t, err := d.readHeader(r)
	if err != nil {
		return err
	}
	for {
		record, err := r.Read()
		var broken *csv.ParseError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &broken) && broken.Line > broken.StartLine:
			return fmt.Errorf("line %d: a quote is opened there and not closed: the lines after it cannot be told apart", broken.StartLine)
		case len(record) > 0 && blank(record):
			t.rules.note(func(s *Seen) { s.Empty++ })
			continue
		case errors.As(err, &broken):
			if err := bad(&LineError{broken.StartLine, wrongRow(broken, len(t.header), len(record)), slices.Clone(record)}); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("reading the file: %w", err)
		}
		line, _ := r.FieldPos(0)
		if err := t.lineBreaks(line, record); err != nil {
			return err
		}
		if !t.rules.takes(func(column string) string { return t.cell(record, column) }) {
			t.rules.note(func(s *Seen) { s.LeftOut++ })
			continue
		}
		cells, meta, err := t.sort(record)
		switch {
		case errors.Is(err, errBlank) && (t.rules.SkipBlank || t.passed):
			t.rules.note(func(s *Seen) { s.Blank++ })
			continue
		case err != nil:
			err = bad(&LineError{line, err, slices.Clone(record)})
		default:
			err = row(line, record, cells, meta)
		}
		if err != nil {
			return err
		}
	}
}

var errBlank = errors.New("at: the cell is blank: give the time, or leave such rows out with --blank skip")

// sort tells a row's cells by field, and its meta.
func (t *table) sort(record []string) (cells, meta map[string]string, err error) {
	cells = map[string]string{}
	var told metaOf
	for i, value := range record {
		value = strings.TrimSpace(strings.Clone(value))
		switch use := t.uses[i]; use {
		case useMeta:
			told.add(t.header[i], value)
		case useNothing:
		case useNameless:
			if value != "" && !slices.Contains(t.rules.Ignore, "*") {
				return nil, nil, fmt.Errorf("column %d has no name, and %q is in it: name it in the first line", i+1, value)
			}
		default:
			cells[use] = value
		}
	}
	if told.changed {
		t.rules.note(func(s *Seen) { s.MetaCut++ })
	}
	if lacksTime(cells) && cells["notbefore"] == "" {
		return nil, nil, errBlank
	}
	return cells, told.entries, nil
}

// lacksTime tells whether a row has room for its time, and that is blank.
func lacksTime(cells map[string]string) bool {
	room := false
	for _, name := range []string{"at", "minutes", "hours"} {
		if value, there := cells[name]; value != "" {
			return false
		} else if there {
			room = true
		}
	}
	return room
}

// cell is what a row has in a column of the header.
func (t *table) cell(record []string, column string) string {
	for i, name := range t.header {
		if plain(name) == plain(column) {
			return strings.TrimSpace(record[i])
		}
	}
	return ""
}

// lineBreaks refuses a cell with line breaks where more likely a quote is missing: rows
// are within the cell then, and must not be lost. A remark may have several lines, where
// none of these could be a row.
func (t *table) lineBreaks(line int, record []string) error {
	for i, cell := range record {
		_, rest, several := strings.Cut(cell, "\n")
		remark := len(t.header) > 1 && strings.HasPrefix(t.uses[i], " ")
		if several && (!remark || strings.Contains(rest, t.separator)) {
			return fmt.Errorf("line %d: a quote that is opened there is closed in another line", line)
		}
	}
	return nil
}

func blank(record []string) bool {
	return !slices.ContainsFunc(record, func(cell string) bool { return strings.TrimSpace(cell) != "" })
}

// separator is what the header is separated with: comma, semicolon, tab or bar.
func separator(in *bufio.Reader) rune {
	head, _ := in.Peek(in.Size())
	head, _, _ = bytes.Cut(head, []byte("\n"))
	best, most := ',', bytes.Count(head, []byte(","))
	for _, other := range ";\t|" {
		if n := bytes.Count(head, []byte(string(other))); n > most {
			best, most = other, n
		}
	}
	return best
}

// readHeader reads the names of the columns, and tells what each is for.
func (d Defaults) readHeader(r *csv.Reader) (*table, error) {
	record, err := r.Read()
	if err == io.EOF {
		return nil, errors.New("the file is empty: it needs a header with workNo, and a line for each agent")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	header, seen := make([]string, len(record)), map[string]bool{}
	for i, name := range record {
		header[i] = strings.TrimSpace(strings.Clone(name))
		if form := plain(header[i]); form != "" {
			if seen[form] {
				return nil, fmt.Errorf("line 1: column %q is there twice", header[i])
			}
			seen[form] = true
		}
	}
	rules := d.rules()
	uses, err := rules.layout(header)
	if err != nil {
		return nil, err
	}
	rules.note(func(s *Seen) { s.Header, s.Columns = slices.Clone(header), went(header, uses) })
	return &table{rules: rules, header: header, uses: uses, separator: string(r.Comma), passed: d.Passed}, nil
}

// went tells which column is for what.
func went(header, uses []string) (all []string) {
	for i, name := range header {
		switch uses[i] {
		case useNameless:
		case useMeta:
			all = append(all, name+" → meta")
		case useNothing:
			all = append(all, name+" → ignored")
		default:
			all = append(all, name+" → "+or(fields()[uses[i]], mapped()[uses[i]]))
		}
	}
	return all
}

func wrongRow(broken *csv.ParseError, want, have int) error {
	if errors.Is(broken.Err, csv.ErrFieldCount) {
		return fmt.Errorf("%d cells, the header has %d", have, want)
	}
	return broken.Err
}
