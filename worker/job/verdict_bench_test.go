package job

import (
	"testing"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

func usualAnswers() map[string]gateway.Answer {
	return map[string]gateway.Answer{
		"success": {HTTPStatus: 200, Retcode: "0", Message: "success"},
		"noright": {HTTPStatus: 200, Retcode: "900-002"},
		"unknown": {HTTPStatus: 200, Retcode: "800-001"},
	}
}

func BenchmarkClassify(b *testing.B) {
	c := classifier(b, nil)
	for name, answer := range usualAnswers() {
		b.Run("answer="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Call(answer, nil)
			}
		})
	}
}

// TestClassifyAllocations: a decision about an answer takes no memory.
func TestClassifyAllocations(t *testing.T) {
	c := classifier(t, nil)
	for name, answer := range usualAnswers() {
		if got := testing.AllocsPerRun(1000, func() { c.Call(answer, nil) }); got > 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
