package cli

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/forcelogout/forcelogout/worker/shift"
)

// rows are what to send. They can be gone through more than once; done ends that.
func (c *sendCommand) rows(d shift.Defaults) (rows iter.Seq2[shift.Row, error], done func(), err error) {
	if c.File == "" {
		rows, err := c.agentRows(d)
		return rows, func() {}, err
	}
	file, modified, done, err := c.openFile()
	if err != nil {
		return nil, nil, err
	}
	if d.Day = modified; modified.IsZero() {
		d.Name = "-" // a pipe's changes each time
	}
	return func(yield func(shift.Row, error) bool) {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			yield(shift.Row{}, err)
			return
		}
		shift.Read(file, d)(yield)
	}, done, nil
}

// openFile opens the shift file, and tells when it was modified. What is no regular
// file, such as standard input or a pipe, goes through a temporary one: it is read more
// than once.
func (c *sendCommand) openFile() (file *os.File, modified time.Time, done func(), err error) {
	in := io.Reader(os.Stdin)
	if c.stdin != nil {
		in = c.stdin
	}
	if c.File != "-" {
		if file, err = os.Open(c.File); err != nil {
			return nil, modified, nil, fmt.Errorf("--file: %w", err)
		}
		info, err := file.Stat()
		if err == nil && info.Mode().IsRegular() {
			return file, info.ModTime(), func() { _ = file.Close() }, nil
		}
		defer file.Close()
		if err == nil && info.IsDir() {
			err = errors.New("it is a directory")
		}
		if err != nil {
			return nil, modified, nil, fmt.Errorf("--file %s: %w", c.File, err)
		}
		in = file
	}
	file, done, err = spool(in, c.File)
	return file, modified, done, err
}

// spool copies what can be read once only.
func spool(in io.Reader, name string) (file *os.File, done func(), err error) {
	if file, err = os.CreateTemp("", "forcelogout-send-"); err != nil {
		return nil, nil, fmt.Errorf("--file %s: %w", name, err)
	}
	done = func() { _, _ = file.Close(), os.Remove(file.Name()) }
	if _, err := io.Copy(file, in); err != nil {
		done()
		return nil, nil, fmt.Errorf("--file %s: reading it: %w", name, err)
	}
	return file, done, nil
}

// agentRows are the agents of the command line.
func (c *sendCommand) agentRows(d shift.Defaults) (iter.Seq2[shift.Row, error], error) {
	rows := make([]shift.Row, 0, len(c.Agents))
	var problems []error
	for i, agent := range c.Agents {
		id := c.ID
		if id == "" {
			made, err := uuid.NewV7()
			if err != nil {
				return nil, fmt.Errorf("making an id: %w", err)
			}
			id = made.String()
		}
		row, err := d.Row(map[string]string{"id": id, "workno": agent}, nil)
		row.Line = i + 1
		problems = append(problems, err)
		rows = append(rows, row)
	}
	return func(yield func(shift.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}, errors.Join(problems...)
}

// valid leaves bad lines out.
func valid(rows iter.Seq2[shift.Row, error]) iter.Seq2[shift.Row, error] {
	return func(yield func(shift.Row, error) bool) {
		for row, err := range rows {
			var line *shift.LineError
			if !errors.As(err, &line) && !yield(row, err) {
				return
			}
		}
	}
}
