package worker_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/forcelogout/forcelogout/"

// mayImport is the house: what each package may import of ours. Arrows point down only.
func mayImport() map[string][]string {
	return map[string][]string{
		"messages/schematest": {"messages"}, // for tests

		"messages":           {},
		"worker/clock":       {},
		"worker/health":      {},
		"worker/retcode":     {},
		"worker/protect":     {"messages", "worker/health"},
		"worker/pace":        {"messages", "worker/clock", "worker/streams"},
		"worker/gateway":     {"worker/retcode"},
		"worker/gateway/sim": {"worker/gateway/sim"},
		"worker/streams":     {"messages"},
		"worker/admin":       {"messages"},
		"worker/embedded":    {},
		"worker/feed":        {},
		"worker/session":     {"messages", "worker/clock", "worker/gateway", "worker/retcode", "worker/streams"},
		"worker/client":      {"messages", "worker/streams"},
		"worker/shift":       {"messages"},
		"worker/report":      {"messages", "worker/client", "worker/shift"},
		"worker/job":         {"messages", "worker/clock", "worker/gateway", "worker/retcode"},
		"worker/outage":      {"worker/clock", "worker/job", "worker/retcode"},
		"worker/record":      {"messages", "worker/admin", "worker/clock", "worker/gateway", "worker/health", "worker/job", "worker/streams"},
		"worker/intake":      {"messages", "worker/clock", "worker/health", "worker/streams"},
		"worker/admit": {
			"messages", "worker/admin", "worker/clock", "worker/health", "worker/intake", "worker/job", "worker/record", "worker/streams",
		},
		"worker/sweep": {"messages", "worker/health", "worker/intake", "worker/job", "worker/record", "worker/streams"},
		"worker/execute": {
			"messages", "worker/admin", "worker/clock", "worker/gateway", "worker/health", "worker/intake", "worker/job",
			"worker/outage", "worker/pace", "worker/protect", "worker/record", "worker/retcode", "worker/session",
		},
		"worker": {
			"messages", "worker/admin", "worker/admit", "worker/execute", "worker/gateway", "worker/health", "worker/intake", "worker/job",
			"worker/outage", "worker/pace", "worker/protect", "worker/record", "worker/retcode", "worker/session", "worker/streams", "worker/sweep",
		},
		"cmd/forcelogout":                  {"cmd/forcelogout/internal/cli"},
		"cmd/forcelogout/systemtest":       {},
		"cmd/forcelogout/internal/exit":    {},
		"cmd/forcelogout/internal/console": {"messages", "worker/client", "worker/report"},
		"cmd/forcelogout/internal/rig":     {"messages/schematest", "worker/embedded", "worker/gateway/sim"},
		"cmd/forcelogout/internal/settings": {
			"cmd/forcelogout/internal/console", "cmd/forcelogout/internal/exit", "messages", "worker", "worker/admin", "worker/gateway",
			"worker/protect", "worker/session", "worker/streams",
		},
		"cmd/forcelogout/internal/demo": {
			"cmd/forcelogout/internal/console", "cmd/forcelogout/internal/settings", "messages", "worker", "worker/admin", "worker/client",
			"worker/embedded", "worker/gateway", "worker/gateway/sim", "worker/session", "worker/streams",
		},
		"cmd/forcelogout/internal/cli": {
			"cmd/forcelogout/internal/console", "cmd/forcelogout/internal/demo", "cmd/forcelogout/internal/exit",
			"cmd/forcelogout/internal/settings", "messages", "worker", "worker/admin", "worker/client",
			"worker/embedded", "worker/feed", "worker/gateway", "worker/gateway/sim", "worker/protect", "worker/report", "worker/shift",
			"worker/streams",
		},
	}
}

// mayImportOutside is what may be imported by everything in a folder outside the house.
func mayImportOutside() map[string][]string {
	return map[string][]string{
		"deploy/bench/": {"messages", "worker/gateway/sim", "worker/streams"},
		"deploy/model/": {},
	}
}

// allowed returns what a package may import of ours, and whether the map has it.
func allowed(pkg string) (may []string, known bool) {
	for folder, doors := range mayImportOutside() {
		if strings.HasPrefix(pkg+"/", folder) {
			return doors, true
		}
	}
	may, known = mayImport()[pkg]
	return may, known
}

// TestArrows: no package imports another one of ours than it may, and nobody but the
// command imports package worker.
func TestArrows(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		pkg := strings.TrimPrefix(path.Dir(filepath.ToSlash(file)), "../")
		may, known := allowed(pkg)
		if !known {
			t.Errorf("%s is a room that the map does not have: add it to mayImport, and to doc.go", pkg)
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range source.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			ours, is := strings.CutPrefix(name, module)
			if is && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s, which is no arrow of the house", file, ours)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
