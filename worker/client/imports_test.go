package client_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports: who imports the client gets no server, no worker and no load tests with
// it.
func TestImports(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const module = "github.com/forcelogout/forcelogout"
	own := map[string]bool{module + "/messages": true, module + "/worker/client": true, module + "/worker/streams": true}
	seen := false
	for imported := range strings.Lines(string(out)) {
		imported = strings.TrimSpace(imported)
		seen = seen || imported == module+"/worker/client"
		if strings.HasPrefix(imported, module) && !own[imported] {
			t.Errorf("it imports %s", imported)
		}
		for _, foreign := range []string{"github.com/nats-io/nats-server", "github.com/alecthomas/", "github.com/prometheus/", "go.opentelemetry.io/"} {
			if strings.HasPrefix(imported, foreign) {
				t.Errorf("it imports %s", imported)
			}
		}
	}
	if !seen {
		t.Errorf("the list is not the client's: %s", out)
	}
}
