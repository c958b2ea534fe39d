package session_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/session"
)

func TestParseGUID(t *testing.T) {
	t.Parallel()
	const guid = "11111111-2222-4333-8444-555555555555.AgentGateway1"
	for _, raw := range []string{guid, guid + "\n", "  " + guid, "JSESSIONID=" + guid} {
		if got, err := session.ParseGUID(raw); err != nil || got != guid {
			t.Errorf("%q: %q, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"", "\n", "secret one", "secret\none", "secret\x00", "sécret", "secret" + strings.Repeat("x", 300)} {
		if _, err := session.ParseGUID(raw); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// TestRefused: many callers are refused together while somebody replaces the
// file; all of them go on with the new GUID.
func TestRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "guid")
	write := func(guid string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(guid), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old.AgentGateway0")
	given, err := session.FromFile("1001", file)
	if err != nil {
		t.Fatal(err)
	}
	old := given.Current()
	if err := given.Refused(old); !errors.Is(err, session.ErrNotRenewed) || given.Usable() == nil {
		t.Errorf("refused: %v, usable: %v", err, given.Usable())
	}
	given.Accepted(old)
	if err := given.Usable(); err != nil {
		t.Error("accepted again:", err)
	}
	write("new.AgentGateway0")
	var callers sync.WaitGroup
	for range 32 {
		callers.Go(func() {
			if err := given.Refused(old); err != nil {
				t.Error(err)
			}
			if got := given.Current(); got != (gateway.Session{Inspector: "1001", GUID: "new.AgentGateway0"}) {
				t.Errorf("session %+v", got)
			}
		})
	}
	callers.Wait()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := given.Refused(given.Current()); err == nil || errors.Is(err, session.ErrNotRenewed) {
		t.Errorf("without the file: %v", err)
	}
}
