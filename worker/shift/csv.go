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

// columns are the cells that are no meta entries, by their name in lower case.
func columns() map[string]string {
	return map[string]string{
		"workno": "workNo", "at": "at", "expiresat": "expiresAt", "notbefore": "notBefore", "reason": "reason",
		"vcc": "vcc", "id": "id", "inspector": "inspector", "requestedby": "requestedBy", "replyto": "replyTo",
		"signedinbefore": "signedInBefore", "whenidle": "whenIdle", "graceuntil": "graceUntil", "wrapup": "wrapUp", "stayout": "stayOut",
	}
}

// readCSV hands each row to row, by names in lower case, and what is wrong with a
// line to bad.
func readCSV(in *bufio.Reader, row func(line int, cells, meta map[string]string) error, bad func(*LineError) error) error {
	r := csv.NewReader(in)
	r.Comma = separator(in)
	r.ReuseRecord = true
	header, err := readHeader(r)
	if err != nil {
		return err
	}
	known := columns()
	for {
		record, err := r.Read()
		var broken *csv.ParseError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &broken) && broken.Line > broken.StartLine:
			return fmt.Errorf("line %d: a quote is opened there and not closed: the lines after it cannot be told apart", broken.StartLine)
		case errors.As(err, &broken):
			if err := bad(&LineError{broken.StartLine, wrongRow(broken, len(header), len(record))}); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("reading the file: %w", err)
		}
		line, _ := r.FieldPos(0)
		if slices.ContainsFunc(record, func(cell string) bool { return strings.Contains(cell, "\n") }) {
			// No cell may hold a line break. More likely a quote is missing, and lines with
			// commands are within the cell: these must not be skipped as one bad line.
			return fmt.Errorf("line %d: a quote that is opened there is closed in another line", line)
		}
		cells, meta := map[string]string{}, map[string]string{}
		for i, value := range record {
			value = strings.TrimSpace(strings.Clone(value))
			if lower := strings.ToLower(header[i]); known[lower] != "" {
				cells[lower] = value
			} else if value != "" {
				meta[header[i]] = value
			}
		}
		if err := row(line, cells, meta); err != nil {
			return err
		}
	}
}

// separator is what the header is separated with: comma, semicolon or tab.
func separator(in *bufio.Reader) rune {
	head, _ := in.Peek(in.Size())
	head, _, _ = bytes.Cut(head, []byte("\n"))
	best, most := ',', bytes.Count(head, []byte(","))
	for _, other := range ";\t" {
		if n := bytes.Count(head, []byte(string(other))); n > most {
			best, most = other, n
		}
	}
	return best
}

// readHeader reads the names of the columns.
func readHeader(r *csv.Reader) ([]string, error) {
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
		lower := strings.ToLower(header[i])
		switch {
		case lower == "":
			return nil, fmt.Errorf("line 1: column %d has no name", i+1)
		case seen[lower]:
			return nil, fmt.Errorf("line 1: column %q is there twice", header[i])
		}
		seen[lower] = true
	}
	if !seen["workno"] {
		return nil, fmt.Errorf("line 1: no column workNo among %s: the first line must name the columns", strings.Join(header, ", "))
	}
	return header, nil
}

func wrongRow(broken *csv.ParseError, want, have int) error {
	if errors.Is(broken.Err, csv.ErrFieldCount) {
		return fmt.Errorf("%d cells, the header has %d", have, want)
	}
	return broken.Err
}
