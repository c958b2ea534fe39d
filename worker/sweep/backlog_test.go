package sweep

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestBacklog: only what is due is read again, near ones together, and beyond what is
// remembered one by one a batch as a whole.
func TestBacklog(t *testing.T) {
	t.Parallel()
	start := time.Now()
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	var b backlog
	b.note([]waits{{1, at(5)}, {2, at(1)}, {3, at(9)}, {4, at(1)}, {40, at(1)}})
	for _, step := range []struct {
		now  int
		want []reading
	}{
		{0, nil},
		{1, []reading{{{2, 2, 0}, {4, 4, 0}}, {{40, 40, 0}}}},
		{2, nil},
		{9, []reading{{{1, 1, 0}, {3, 3, 0}}}},
	} {
		due := b.due(at(step.now))
		for _, r := range due {
			for i := range r {
				r[i].at = 0
			}
		}
		if fmt.Sprint(due) != fmt.Sprint(step.want) {
			t.Errorf("after %d s: %v, want %v", step.now, due, step.want)
		}
	}
	var many []waits
	for seq := range uint64(maxNoted) {
		many = append(many, waits{seq + 100, at(1000)})
	}
	for batch := range slices.Chunk(many, lookBatch) {
		b.note(batch)
	}
	b.note([]waits{{90_000, at(50)}, {90_001, at(20)}, {90_002, at(70)}})
	due := b.due(at(20))
	if len(due) != 1 || !due[0].contains(90_000) || !due[0].contains(90_002) || due[0].contains(90_003) || len(b.spans) != maxNoted {
		t.Errorf("due %v, %d noted", due, len(b.spans))
	}
}
