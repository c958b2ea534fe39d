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
)

// report is a CSV file with a line for each command. It is written beside its place and
// moved there when it is whole. A nil one writes nothing.
type report struct {
	name string
	file *os.File
	csv  *csv.Writer
}

// newReport begins a report that is not to be written over the file input.
func newReport(name, input string) (*report, error) {
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
			return openReport(name, "")
		}
	}
	return openReport(name, filepath.Dir(name))
}

func openReport(name, dir string) (*report, error) {
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
	r := &report{name, file, csv.NewWriter(file)}
	r.line("id", "vcc", "workNo", "outcome", "cause", "retcode", "attempts", "redelivered", "startedAt", "finishedAt", "error", "endedBefore")
	return r, nil
}

func (r *report) line(cells ...string) {
	if r != nil {
		_ = r.csv.Write(cells) // close tells
	}
}

// add writes a result; before says that the command had ended before it was asked for.
func (r *report) add(m messages.Result, before bool) {
	r.line(m.ID, m.VCC, m.WorkNo, string(m.Outcome), string(m.Cause), m.Retcode, strconv.Itoa(m.Attempts),
		strconv.FormatBool(m.Redelivered), stamp(m.StartedAt), stamp(m.FinishedAt), m.Error, strconv.FormatBool(before))
}

// missing writes a command that has no result.
func (r *report) missing(key commandKey, workNo, why string) {
	r.line(key.id, key.vcc, workNo, "", "", "", "", "", "", "", why, "")
}

// close puts the report in its place.
func (r *report) close() error {
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

// discard ends a report that is not needed.
func (r *report) discard() error {
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

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
