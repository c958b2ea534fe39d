package shift

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPermutations: the plan is the same in any order of the columns, with any separator
// and however the columns' names are written.
func TestPermutations(t *testing.T) {
	t.Parallel()
	base := testDefaults(t)
	base.Rules = Rules{Columns: map[string]string{"date": "day", "start": "from"}, Meta: []string{"note"}, Ignore: []string{"other"}, Dates: "dmy"}
	table := [][]string{
		{"workNo", "at", "day", "from", "note", "other", "reason"},
		{"30012", "18:00", "26.11.2026", "09:00", "a,b;c|d\te", "x", "end"},
		{"30013", "06:00", "26.11.2026", "22:00", `says "no"`, "", ""},
	}
	plain, bad, err := rowsOf(base, asCSV(t, table, ','))
	if err != nil || len(bad) > 0 || len(plain) != 2 {
		t.Fatal(plain, bad, err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6}).Draw(rt, "order")
		comma := rapid.SampledFrom([]rune{',', ';', '\t', '|'}).Draw(rt, "separator")
		other := make([][]string, len(table))
		for i, row := range table {
			for _, column := range order {
				other[i] = append(other[i], row[column])
			}
		}
		for i, name := range other[0] {
			other[0][i] = rapid.SampledFrom([]string{name, strings.ToUpper(name), " " + name, name[:1] + "_" + name[1:]}).Draw(rt, "name")
		}
		rows, bad, err := rowsOf(base, asCSV(t, other, comma))
		if err != nil || len(bad) > 0 || len(rows) != len(plain) {
			rt.Fatal(len(rows), bad, err)
		}
		for i, row := range rows {
			c, want := row.Command, plain[i].Command
			if c.ID != want.ID || c.WorkNo != want.WorkNo || !c.NotBefore.Equal(want.NotBefore) || !c.ExpiresAt.Equal(want.ExpiresAt) || c.Reason != want.Reason || !slices.Equal(values(c.Meta), values(want.Meta)) {
				rt.Fatalf("%+v, want %+v", c, want)
			}
		}
	})
}

func values(meta map[string]string) (all []string) {
	for _, value := range meta {
		all = append(all, value)
	}
	slices.Sort(all)
	return all
}

// asCSV is a table as CSV.
func asCSV(t *testing.T, table [][]string, comma rune) string {
	t.Helper()
	var text strings.Builder
	w := csv.NewWriter(&text)
	w.Comma = comma
	if err := w.WriteAll(table); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
