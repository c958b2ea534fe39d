package protect_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/worker/protect"
)

// TestRead: what people write into such a file is understood, or refused with its line.
func TestRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"30001\n30002\n":                       {"30001", "30002"},
		"\ufeff30001\r\n30002":                 {"30001", "30002"},
		"# night desk\n30001 # Ms Li\n\n30002": {"30001", "30002"},
		"30001,30002; 30003\t101":              {"30001", "30002", "30003", "101"},
	} {
		got, err := protect.Read(strings.NewReader(text))
		if err != nil || len(got) != len(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		for _, agent := range want {
			if !got[agent] {
				t.Errorf("%q: without %s", text, agent)
			}
		}
	}
	for text, line := range map[string]string{"30001\nMs Li": "line 2", "030001": "line 1", "30001\n\n99": "line 3", "30001-30009": "line 1"} {
		if got, err := protect.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), line) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// TestReadFile: a file that protects nobody is a mistake.
func TestReadFile(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("# nobody yet\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{empty, filepath.Join(t.TempDir(), "none")} {
		if got, err := protect.ReadFile(name); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestNoGap: a file that is found while it is written takes nobody's protection away.
func TestNoGap(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "protected")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("30001 30002")
	list, err := protect.NewList([]string{"101"}, []string{file})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		text string
		fail bool
		want string
	}{
		{"30001 30", true, "101 30001 30002"},
		{"30001 300", false, "101 30001 30002 300"},
		{"30001 30003", false, "101 30001 30003 300"},
		{"30001 30003", false, "101 30001 30003"},
	} {
		write(step.text)
		if err := list.Read(); (err != nil) != step.fail {
			t.Errorf("%q: %v", step.text, err)
		}
		for _, agent := range []string{"101", "300", "30001", "30002", "30003"} {
			if want := strings.Contains(" "+step.want+" ", " "+agent+" "); list.Has(agent) != want {
				t.Errorf("%q: %s protected: %t", step.text, agent, !want)
			}
		}
	}
}
