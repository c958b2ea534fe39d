package shift

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Rules say how the columns and rows of a file are to be taken. Nothing is guessed: a
// column that neither is a field nor named here is an error.
type Rules struct {
	Columns   map[string]string         // field to the name of its column
	Meta      []string                  // columns for the command's meta
	Along     []string                  // columns for the meta as well, unless they are fields or named otherwise
	Ignore    []string                  // columns to leave alone; "*" is all that are left over
	Where     []Where                   // rows to take; all others are left out
	Dates     string                    // dmy, mdy or ymd; "": only dates that are clear
	Zones     map[string]*time.Location // the file's own abbreviations
	Delimiter rune                      // 0: see separator
	SkipBlank bool                      // leave rows out whose time is blank
	Immediate bool                      // rows without a time are for at once
	Seen      *Seen                     // what the reading found; nil: not asked for
}

// Seen is what a reading found, for whoever looks at the plan.
type Seen struct {
	Header  []string // as it is in the file; of NDJSON one column for the whole line
	Columns []string // which column went where, in the file's order
	Empty   int      // rows without any content
	Blank   int      // rows left out for their blank time
	LeftOut int      // rows that Where left out
	MetaCut int      // rows whose meta was cut or cleaned
}

// note changes what was seen, where somebody asked for it.
func (r Rules) note(change func(*Seen)) {
	if r.Seen != nil {
		change(r.Seen)
	}
}

// fields are the names that a column may have by itself, in the form of plain.
func fields() map[string]string {
	return map[string]string{
		"workno": "workNo", "at": "at", "tz": "tz", "expiresat": "expiresAt", "notbefore": "notBefore", "reason": "reason",
		"vcc": "vcc", "id": "id", "inspector": "inspector", "requestedby": "requestedBy", "replyto": "replyTo",
		"signedinbefore": "signedInBefore", "whenidle": "whenIdle", "graceuntil": "graceUntil",
		"wrapup": "wrapUp", "stayout": "stayOut",
	}
}

var marks = strings.NewReplacer(" ", "", "_", "", "-", "", "\u00a0", "")

// plain is a name as it is compared: without case, space, _ and -.
func plain(name string) string { return marks.Replace(strings.ToLower(name)) }

// mapped are the fields that Rules.Columns can name besides: a shift's date and start,
// and how long it lasts. No column is one of them by its name alone.
func mapped() map[string]string {
	return map[string]string{"date": "date", "start": "start", "minutes": "minutes", "hours": "hours"}
}

func names(list []string, name string) bool {
	return slices.ContainsFunc(list, func(other string) bool { return plain(other) == plain(name) })
}

// What a column is for, where it is for no field.
const (
	useMeta     = " meta"
	useNothing  = " nothing"
	useNameless = " nameless"
)

// use tells what a column or a JSON name is for: a field in the form of plain, or one of
// the above; "" is not known. What the rules name goes before the names of fields.
func (r Rules) use(name string) string {
	for field, column := range r.Columns {
		if plain(column) == plain(name) {
			return plain(field)
		}
	}
	known := fields()[plain(name)]
	_, taken := r.Columns[known]
	switch {
	case names(r.Meta, name):
		return useMeta
	case names(r.Ignore, name):
		return useNothing
	case known != "" && !taken:
		return plain(known)
	case names(r.Along, name):
		return useMeta
	case slices.Contains(r.Ignore, "*"), r.inWhere(name):
		return useNothing
	}
	return ""
}

func (r Rules) inWhere(name string) bool {
	return slices.ContainsFunc(r.Where, func(w Where) bool { return plain(w.column) == plain(name) })
}

// Check finds rules that no file can follow.
func (r Rules) Check() error {
	known := fields()
	for field := range r.Columns {
		if known[plain(field)] != field && mapped()[field] == "" {
			return fmt.Errorf("columns: no field %q%s", field, didYouMean(field, known))
		}
	}
	if _, known := orders()[r.Dates]; r.Dates != "" && !known {
		return fmt.Errorf("dates: %w", errOrder)
	}
	return r.checkTimes()
}

// checkTimes finds fields about times that do not go together.
func (r Rules) checkTimes() error {
	has := func(field string) bool { return r.Columns[field] != "" }
	switch length := has("minutes") || has("hours"); {
	case length && has("at"), has("minutes") && has("hours"):
		return errors.New("columns: a shift ends by one of at, minutes and hours: name one of them")
	case length && !has("start"):
		return errors.New("columns: minutes and hours count from the start: name its column")
	}
	return nil
}

// layout is what each column of a header is for.
func (r Rules) layout(header []string) ([]string, error) {
	uses, by := make([]string, len(header)), map[string]string{}
	var unknown []string
	for i, name := range header {
		if name == "" {
			uses[i] = useNameless
			continue
		}
		use := r.use(name)
		switch {
		case use == "":
			unknown = append(unknown, fmt.Sprintf("%q%s", name, didYouMean(name, fields())))
		case by[use] != "" && !strings.HasPrefix(use, " "):
			return nil, fmt.Errorf("line 1: columns %q and %q are both %s", by[use], name, or(fields()[use], mapped()[use]))
		}
		uses[i], by[use] = use, name
	}
	for _, named := range r.named() {
		if !slices.ContainsFunc(header, func(name string) bool { return plain(name) == plain(named) }) {
			return nil, fmt.Errorf("line 1: no column %q among %s", named, strings.Join(header, ", "))
		}
	}
	lacking, unclear := r.missing(header, uses), unknownColumns(unknown)
	if lacking != nil && unclear != nil {
		return nil, fmt.Errorf("line 1: %w; %w", lacking, unclear)
	}
	if err := errors.Join(lacking, unclear); err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	return uses, nil
}

// named are the columns that must be there.
func (r Rules) named() (all []string) {
	for _, column := range r.Columns {
		all = append(all, column)
	}
	for _, w := range r.Where {
		all = append(all, w.column)
	}
	slices.Sort(all)
	return all
}

// missing tells of a column without which no row can be taken.
func (r Rules) missing(header, uses []string) error {
	switch {
	case !slices.Contains(uses, "workno"):
		return fmt.Errorf("no column workNo among %s: the first line must name the columns; name another with --columns workNo=…", strings.Join(header, ", "))
	case r.Immediate, slices.Contains(uses, "at"), slices.Contains(uses, "minutes"), slices.Contains(uses, "hours"), slices.Contains(uses, "notbefore"):
		return nil
	}
	return errors.New("no column says when: name the one with the time by --columns at=…, or give --at TIME for all, or --now")
}

func unknownColumns(unknown []string) error {
	if len(unknown) == 0 {
		return nil
	}
	return fmt.Errorf("columns that are not known: %s. Name each in --columns FIELD=COLUMN, --meta or --ignore (--ignore '*' for all)", strings.Join(unknown, ", "))
}

// didYouMean is the field that a name is nearly, or nothing.
func didYouMean(name string, known map[string]string) string {
	best, least := "", 3
	for _, form := range slices.Sorted(maps.Keys(known)) {
		if d := distance(plain(name), form); d < least && d < len(form)/2+1 {
			best, least = known[form], d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// distance is how many letters must change to make b of a.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range from {
		corner := row[0]
		row[0] = i + 1
		for j := range to {
			change := corner
			if from[i] != to[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}
