package cli

import (
	"cmp"
	"fmt"
	"maps"
	"os"

	"github.com/forcelogout/forcelogout/worker/shift"
)

// tableFlags say how a shift file's columns and rows are to be taken, where that decides
// which commands they are: whoever finds them again must say the same.
type tableFlags struct {
	Shape     string            `placeholder:"FILE" help:"Shift files: a YAML file that describes the export: columns, meta, ignore, where, blank, dates, delimiter, tz, zones."`
	Columns   map[string]string `placeholder:"FIELD=COLUMN" mapsep:"," help:"Shift files: which column a field is in, for example workNo=logonID,at='Shift End'."`
	Ignore    []string          `placeholder:"COLUMN" help:"Shift files: columns to leave alone; '*' for all that are not known."`
	Where     []string          `sep:"none" placeholder:"COLUMN=VALUE" help:"Shift files: only rows like that: activity=Open, activity=Open|Phone, workNo!=Total. Can be repeated."`
	Dates     string            `enum:",dmy,mdy,ymd" default:"" help:"Shift files: the order of day, month and year in dates such as 03/04/2026 (dmy, mdy, ymd); it is not guessed."`
	Delimiter string            `enum:",comma,semicolon,tab,bar" default:"" help:"Shift files: what separates columns (comma, semicolon, tab, bar; by default what is most in the first line)."`
	Blank     string            `enum:"error,skip" default:"error" help:"Shift files: what a blank time is (error, or skip to leave such rows out)."`
}

// shape is what the flags say, with what --shape says besides. A flag goes before the
// shape where there can be one value only.
func (f tableFlags) shape() (shift.Shape, error) {
	var s shift.Shape
	if f.Shape != "" {
		data, err := os.ReadFile(f.Shape)
		if err == nil {
			s, err = shift.ParseShape(data)
		}
		if err == nil {
			_, err = s.Rules()
		}
		if err != nil {
			return s, fmt.Errorf("--shape %s: %w", f.Shape, err)
		}
	}
	if len(f.Columns) > 0 {
		columns := maps.Clone(f.Columns)
		for field, column := range s.Columns {
			if _, given := columns[field]; !given {
				columns[field] = column
			}
		}
		s.Columns = columns
	}
	s.Ignore, s.Where = append(s.Ignore, f.Ignore...), append(s.Where, f.Where...)
	if f.Blank == "skip" {
		s.Blank = f.Blank
	}
	s.Dates, s.Delimiter = cmp.Or(f.Dates, s.Dates), cmp.Or(f.Delimiter, s.Delimiter)
	return s, nil
}

// given tells whether there is any of them.
func (f tableFlags) given() bool {
	return len(f.Columns)+len(f.Ignore)+len(f.Where) > 0 || f.Shape+f.Dates+f.Delimiter != "" || f.Blank == "skip"
}
