package cli

import (
	"errors"
	"fmt"

	"github.com/forcelogout/forcelogout/worker/shift"
)

// tableFlags say how a shift file's columns and rows are to be taken, where that decides
// which commands they are: whoever finds them again must say the same.
type tableFlags struct {
	Columns   map[string]string `placeholder:"FIELD=COLUMN" mapsep:"," help:"With --file: which column a field is in, for example workNo=logonID,at='Shift End'."`
	Ignore    []string          `placeholder:"COLUMN" help:"With --file: columns to leave alone; '*' for all that are not known."`
	Where     []string          `sep:"none" placeholder:"COLUMN=VALUE" help:"With --file: only rows like that: activity=Open, activity=Open|Phone, workNo!=Total. Can be repeated."`
	Dates     string            `enum:",dmy,mdy,ymd" default:"" help:"With --file: the order of day, month and year in dates such as 03/04/2026 (dmy, mdy, ymd); it is not guessed."`
	Delimiter string            `enum:",comma,semicolon,tab,bar" default:"" help:"With --file: what separates columns (comma, semicolon, tab, bar; by default what is most in the first line)."`
	Blank     string            `enum:"error,skip" default:"error" help:"With --file: what a blank time is (error, or skip to leave such rows out)."`
}

// rules are the flags as the reading takes them.
func (f tableFlags) rules() (shift.Rules, error) {
	r := shift.Rules{Columns: f.Columns, Ignore: f.Ignore, SkipBlank: f.Blank == "skip", Dates: f.Dates,
		Delimiter: map[string]rune{"comma": ',', "semicolon": ';', "tab": '\t', "bar": '|'}[f.Delimiter]}
	var problems []error
	for _, text := range f.Where {
		where, err := shift.ParseWhere(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("--where %w", err))
			continue
		}
		r.Where = append(r.Where, where)
	}
	if err := r.Check(); err != nil {
		problems = append(problems, fmt.Errorf("--columns: %w", err))
	}
	return r, errors.Join(problems...)
}

// given tells whether there is any of them.
func (f tableFlags) given() bool {
	return len(f.Columns)+len(f.Ignore)+len(f.Where) > 0 || f.Dates+f.Delimiter != "" || f.Blank == "skip"
}
