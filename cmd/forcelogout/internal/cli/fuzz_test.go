package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/messages"
)

// FuzzShiftFile: whatever the file holds, nothing panics, each row is a valid
// command, and each complaint is one line.
func FuzzShiftFile(f *testing.F) {
	for _, seed := range []string{
		"workNo,at,team\n30012,18:00,north\n7,,\n", "\ufeffworkNo;at\r\n30012;+90m\r\n", "workNo\n\"30012\n", "workNo,workNo\n",
		`{"workNo":"30012","at":"18:00","meta":{"a":"b"}}` + "\n{", "{}\n[]", "", "\n\n", "workNo,whenIdle,graceUntil\n30012,true,+5m\n",
	} {
		f.Add(seed)
	}
	d := shiftDefaults{name: "f", vcc: "default", now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), loc: time.UTC}
	f.Fuzz(func(t *testing.T, text string) {
		for row, err := range readShift(strings.NewReader(text), d) {
			var line *lineError
			switch {
			case errors.As(err, &line):
				if line.line < 1 || strings.Contains(err.Error(), "\n") {
					t.Errorf("%q", err)
				}
			case err == nil:
				if invalid := errors.Join(row.command.Validate(), messages.ValidateVCC(row.vcc)); invalid != nil {
					t.Errorf("%+v: %v", row, invalid)
				}
			}
		}
	})
}

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
