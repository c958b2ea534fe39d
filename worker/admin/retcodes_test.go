package admin

import (
	"fmt"
	"testing"
)

// TestRetcodeLabels: what a gateway sends makes a bounded number of series.
func TestRetcodeLabels(t *testing.T) {
	t.Parallel()
	codes := newRetcodes()
	for code, want := range map[string]string{
		"": "none", "0": "0", "100-002": "100-002", "1": "other", "100-02": "other", "100-0022": "other", "100_002": "other", "１００-002": "other", "0\n": "other",
	} {
		if got := codes.label(code); got != want {
			t.Errorf("%q becomes %q, want %q", code, got, want)
		}
	}
	values := map[string]bool{}
	for i := range 10 * maxRetcodes {
		values[codes.label(fmt.Sprintf("900-%03d", i))] = true
	}
	if len(values) > maxRetcodes+1 || codes.label("100-002") != "100-002" || codes.label("901-000") != "other" {
		t.Errorf("%d values", len(values))
	}
}
