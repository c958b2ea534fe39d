package retcode

import "testing"

// TestSignInTable holds the table against what the vendor's codes call for, row by row.
func TestSignInTable(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]SignIn{
		"100-002": Taken, "100-015": Kept, "100-004": WrongWords,
		"100-020": Unusable, "110-016": Unusable, "110-021": Unusable,
		"100-003": Later, "100-007": Later, "100-021": Later, "105-007": Later, "900-001": Later,
		"100-001": Malformed, "100-012": Malformed, "000-002": Malformed, "999-999": Malformed, "": Malformed,
	} {
		if got, meaning := OfSignIn(code, nil); got != want || meaning == "" {
			t.Errorf("%s: %v %q, want %v", code, got, meaning, want)
		}
	}
	if got, _ := OfSignIn("100-003", []string{"100-003"}); got != Taken {
		t.Errorf("by setting: %v", got)
	}
}
