package shift

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/forcelogout/forcelogout/messages"
)

// readNDJSON hands each line that is not blank to row, and what is wrong with a
// line to bad.
func readNDJSON(in *bufio.Reader, row func(line int, data []byte) error, bad func(*LineError) error) error {
	for line := 1; ; line++ {
		data, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("reading the file: %w", err)
		}
		end := err == io.EOF
		switch {
		case long:
			err = bad(&LineError{line, fmt.Errorf("longer than %d bytes", maxLine)})
		case len(bytes.TrimSpace(data)) > 0:
			err = row(line, data)
		default:
			err = nil
		}
		if err != nil || end {
			return err
		}
	}
}

// jsonRow makes a command of an object: a command's fields, of which the id may be
// left out, and at and vcc.
func (d Defaults) jsonRow(data []byte) (Row, error) {
	row := Row{VCC: d.VCC, At: d.At}
	var fields map[string]jsontext.Value
	if err := json.Unmarshal(data, &fields); err != nil {
		return row, fmt.Errorf("no JSON object with one value for each name: %w", err)
	}
	var at string
	for name, to := range map[string]*string{"at": &at, "vcc": &row.VCC} {
		if value, given := fields[name]; given {
			if err := json.Unmarshal(value, to); err != nil {
				return row, fmt.Errorf("%s: must be a string", name)
			}
		}
		delete(fields, name)
	}
	if err := messages.ValidateVCC(row.VCC); err != nil {
		return row, err
	}
	var err error
	if at != "" {
		if row.At, err = d.when(at, d.Now); err != nil {
			return row, fmt.Errorf("at: %w", err)
		}
	}
	for name, value := range map[string]string{"inspector": d.Inspector, "reason": d.Reason, "requestedBy": d.RequestedBy} {
		if _, given := fields[name]; !given && value != "" {
			fields[name], _ = json.Marshal(value)
		}
	}
	_, given := fields["id"]
	if !given {
		fields["id"] = jsontext.Value(`"to-be-derived"`)
	}
	content, err := json.Marshal(fields)
	if err != nil {
		return row, err
	}
	if row.Command, err = messages.DecodeCommand(content); err != nil {
		return row, err
	}
	if !given {
		row.Command.ID = d.id(row, relative(map[string]string{"at": at}))
	}
	return d.withConditions(row, func(name string) bool { _, given := fields[name]; return given })
}
