package shift

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// BenchmarkRead reads rows of both forms, with a condition and a column for the meta.
func BenchmarkRead(b *testing.B) {
	const rows = 20_000
	var objects, table strings.Builder
	table.WriteString("workNo,at,team,activity\n")
	for i := range rows {
		fmt.Fprintf(&objects, `{"workNo":"%d","at":"2126-01-01T18:00:00Z","team":"Nord","activity":"Open","reason":"x"}`+"\n", 30001+i)
		fmt.Fprintf(&table, "%d,2126-01-01T18:00:00Z,Nord,Open\n", 30001+i)
	}
	where, err := ParseWhere("activity=Open")
	if err != nil {
		b.Fatal(err)
	}
	d := Defaults{Name: "f", VCC: "default", Now: time.Now(), Loc: time.UTC, Rules: Rules{Meta: []string{"team"}, Where: []Where{where}}}
	for name, text := range map[string]string{"NDJSON": objects.String(), "CSV": table.String()} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				n := 0
				for _, err := range Read(strings.NewReader(text), d) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != rows {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/rows, "µs/row")
		})
	}
}
