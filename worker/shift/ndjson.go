package shift

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

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
			err = bad(&LineError{Line: line, Err: fmt.Errorf("longer than %d bytes", maxLine)})
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

// objects reads rows that are JSON objects.
type objects struct {
	Defaults
	rules  Rules
	places map[string]place // of names that were met before
}

// place is what a name is for: see Rules.use, and the field where it is one.
type place struct{ use, field string }

// mostPlaces bounds what is remembered: the names of an object may be anything.
const mostPlaces = 1000

func newObjects(d Defaults) *objects {
	return &objects{Defaults: d, rules: d.rules(), places: map[string]place{}}
}

func (o *objects) place(name string) place {
	p, met := o.places[name]
	if !met {
		p.use = o.rules.use(name)
		p.field = or(fields()[p.use], mapped()[p.use])
		if len(o.places) < mostPlaces {
			o.places[name] = p
		}
	}
	return p
}

// line offers what a line is, unless it is one to leave out.
func (o *objects) line(yield func(Row, error) bool, line int, data []byte) error {
	row, err := o.row(data)
	switch {
	case errors.Is(err, errBlank) && (o.rules.SkipBlank || o.Passed):
		o.rules.note(func(s *Seen) { s.Blank++ })
		return nil
	case errors.Is(err, errLeftOut):
		o.rules.note(func(s *Seen) { s.LeftOut++ })
		return nil
	}
	return offer(yield, line, []string{strings.TrimSpace(string(data))}, row, err)
}

var errLeftOut = errors.New("a row that the conditions leave out")

// fields names the values of an object as a command does. Those for meta go there,
// others that are to be ignored are dropped, and the rest is left to be refused.
func (o *objects) fields(given map[string]jsontext.Value) (map[string]jsontext.Value, error) {
	text := func(name string) string {
		var s string
		if json.Unmarshal(given[name], &s) != nil {
			s = string(given[name])
		}
		return strings.TrimSpace(s)
	}
	if !o.rules.takes(func(column string) string {
		for name := range given {
			if plain(name) == plain(column) {
				return text(name)
			}
		}
		return ""
	}) {
		return nil, errLeftOut
	}
	named := map[string]jsontext.Value{}
	var told metaOf
	for _, name := range slices.Sorted(maps.Keys(given)) {
		to := o.place(name)
		switch {
		case name == "meta" || name == "issuedAt":
			to.field = name
		case to.use == useMeta:
			told.add(name, text(name))
			continue
		case to.use == useNothing:
			continue
		case to.use == "":
			return nil, fmt.Errorf("unknown field %q%s: name it in --columns FIELD=NAME, --meta or --ignore", name, didYouMean(name, fields()))
		}
		if _, twice := named[to.field]; twice {
			return nil, fmt.Errorf("%s is given twice", to.field)
		}
		named[to.field] = given[name]
	}
	if told.changed {
		o.rules.note(func(s *Seen) { s.MetaCut++ })
	}
	if told.entries != nil {
		named["meta"] = told.beside(named["meta"])
	}
	return named, nil
}

// row makes a command of an object: a command's fields, of which the id may be
// left out, and at and vcc.
func (o *objects) row(data []byte) (Row, error) {
	d := o.Defaults
	row := Row{VCC: d.VCC, At: d.At}
	var fields map[string]jsontext.Value
	if err := json.Unmarshal(data, &fields); err != nil {
		return row, fmt.Errorf("no JSON object with one value for each name: %w", err)
	}
	fields, err := o.fields(fields)
	if err != nil {
		return row, err
	}
	cells, err := apart(fields)
	if err != nil {
		return row, err
	}
	row.VCC = or(cells["vcc"], row.VCC)
	if err := messages.ValidateVCC(row.VCC); err != nil {
		return row, err
	}
	if zone := cells["tz"]; zone != "" {
		if d.Loc, err = rowZone(zone, d.Rules.Zones); err != nil {
			return row, err
		}
	}
	if lacksTime(cells) && fields["notBefore"] == nil {
		return row, errBlank
	}
	if err := d.timed(&row, cells); err != nil {
		return row, err
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
		row.Command.ID = d.id(row, relative(map[string]string{"at": cells["at"]}))
	}
	return d.withConditions(row, func(name string) bool { _, given := fields[name]; return given })
}

// apart takes the fields out that no command has.
func apart(fields map[string]jsontext.Value) (map[string]string, error) {
	cells := map[string]string{}
	for _, name := range []string{"at", "vcc", "tz", "date", "start", "minutes", "hours"} {
		value, given := fields[name]
		if !given {
			continue
		}
		delete(fields, name)
		var text string
		if length := name == "minutes" || name == "hours"; length && value.Kind() == '0' {
			text = string(value)
		} else if err := json.Unmarshal(value, &text); err != nil {
			return nil, fmt.Errorf("%s: must be a string", name)
		}
		cells[name] = strings.TrimSpace(text)
	}
	return cells, nil
}
