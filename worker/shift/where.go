package shift

import (
	"fmt"
	"slices"
	"strings"
)

// Where is a condition on a row: a column that has one of some values, or none of them.
type Where struct {
	column string
	values []string
	not    bool
}

// ParseWhere reads activity=Open, activity=Open|Phone or workNo!=Total; no value is a
// blank cell.
func ParseWhere(text string) (Where, error) {
	column, values, is := strings.Cut(text, "=")
	var w Where
	column, w.not = strings.CutSuffix(column, "!")
	w.column = strings.TrimSpace(column)
	if !is || w.column == "" {
		return w, fmt.Errorf("%q: write COLUMN=VALUE, COLUMN=A|B or COLUMN!=VALUE", text)
	}
	for value := range strings.SplitSeq(values, "|") {
		w.values = append(w.values, strings.TrimSpace(value))
	}
	return w, nil
}

// takes tells whether a row is one to take; cell gives its content by a column's name.
func (r Rules) takes(cell func(column string) string) bool {
	for _, w := range r.Where {
		has := slices.ContainsFunc(w.values, func(value string) bool { return strings.EqualFold(value, cell(w.column)) })
		if has == w.not {
			return false
		}
	}
	return true
}
