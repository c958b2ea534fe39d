package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/report"
)

// resultsFile is a CSV file with a line for each command. It is written beside its place
// and moved there when it is whole. A nil one writes nothing.
type resultsFile struct {
	name string
	loc  *time.Location
	file *os.File
	csv  *csv.Writer
}

// endedBefore is the column that says that a command had ended before it was asked for.
const endedBefore = "endedBefore"

// newResultsFile begins a file that is not to be written over the file input.
func newResultsFile(name, input string, loc *time.Location) (*resultsFile, error) {
	if name == "" {
		return nil, nil
	}
	if there, err := os.Stat(name); err == nil {
		if in, err := os.Stat(input); err == nil && os.SameFile(there, in) {
			return nil, fmt.Errorf("--report %s: that is the file with the commands", name)
		}
		if there.IsDir() {
			return nil, fmt.Errorf("--report %s: that is a directory", name)
		}
		if !there.Mode().IsRegular() {
			// A pipe or a device cannot be moved over.
			return openResultsFile(name, "", loc)
		}
	}
	return openResultsFile(name, filepath.Dir(name), loc)
}

func openResultsFile(name, dir string, loc *time.Location) (*resultsFile, error) {
	var file *os.File
	var err error
	if dir == "" {
		file, err = os.OpenFile(name, os.O_WRONLY, 0)
	} else {
		beside := filepath.Join(dir, fmt.Sprintf(".%s-%d", filepath.Base(name), os.Getpid()))
		file, err = os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	}
	if err != nil {
		return nil, fmt.Errorf("--report: %w", err)
	}
	r := &resultsFile{name, loc, file, csv.NewWriter(file)}
	r.line(report.Columns(endedBefore))
	return r, nil
}

func (r *resultsFile) line(cells []string) {
	if r != nil {
		_ = r.csv.Write(cells) // close tells
	}
}

// add writes a result; before says that the command had ended before it was asked for.
func (r *resultsFile) add(m messages.Result, before bool) {
	if r != nil {
		r.line(report.NewRow(m, time.Time{}, report.Keys{}).Cells(r.loc, strconv.FormatBool(before)))
	}
}

// missing writes a command that has no result.
func (r *resultsFile) missing(key commandKey, workNo, why string) {
	if r != nil {
		r.line(report.Missing(key.vcc, key.id, workNo, why).Cells(r.loc, ""))
	}
}

// close puts the file in its place.
func (r *resultsFile) close() error {
	if r == nil || r.file == nil {
		return nil
	}
	r.csv.Flush()
	err := errors.Join(r.csv.Error(), r.file.Close())
	if r.file.Name() != r.name {
		if err == nil {
			err = os.Rename(r.file.Name(), r.name)
		}
		if err != nil {
			_ = os.Remove(r.file.Name())
		}
	}
	r.file = nil
	if err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	return nil
}

// discard ends a file that is not needed.
func (r *resultsFile) discard() error {
	if r == nil {
		return nil
	}
	err := r.file.Close()
	if r.file.Name() != r.name {
		err = errors.Join(err, os.Remove(r.file.Name()))
	}
	r.file = nil
	return err
}
