package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
)

// FuzzConfig: whatever the file holds, nothing panics, and no password shows.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"gateway: http://127.0.0.1:1\ninspector: 1001\npassword-file: FILE\n", "vccs:\n  - vcc: a\n    concurrency: many\n", "vccs: [", "a: &a [*a]", "---\n---\n",
		"inspectors:\n  - {inspector: 1001, guid-file: FILE}\n", "retcodes: {900-002: permanent}\n", "rate: 1e400\n", "- a\n", "? a\n: b\n", "vccs: {a: b}\n", "nats: [a, b]\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		secret := filepath.Join(dir, "secret")
		if err := os.WriteFile(secret, []byte("S3cret"), 0o600); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "f.yaml")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "FILE", secret)), 0o600); err != nil {
			t.Fatal(err)
		}
		var out rig.Output
		code := Program{}.Run(context.Background(), []string{"worker", "--config", file, "--check-config"}, console.IO{Out: &out, Err: &out})
		if code != exit.OK && code != exit.Usage || strings.Contains(out.String(), "S3cret") && !strings.Contains(text, "S3cret") {
			t.Errorf("exit %d, %s", code, out.String())
		}
	})
}
