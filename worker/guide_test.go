package worker_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestGuidePaths: every file and folder that CONTRIBUTING names is there, and every test
// is in the package that it names with it.
func TestGuidePaths(t *testing.T) {
	t.Parallel()
	guide := read(t, "../.github/CONTRIBUTING.md")
	paths := regexp.MustCompile("`([\\w./-]+(?:\\.(?:go|md|json|yml)|/[\\w-]+))`").FindAllStringSubmatch(guide, -1)
	links := regexp.MustCompile(`\]\(\.\./([^)]+)\)`).FindAllStringSubmatch(guide, -1)
	if len(paths) < 20 || len(links) < 5 {
		t.Fatalf("only %d paths and %d links found", len(paths), len(links))
	}
	for _, path := range slices.Concat(paths, links) {
		if _, err := os.Stat(filepath.Join("..", filepath.FromSlash(path[1]))); err != nil {
			t.Errorf("CONTRIBUTING names %s: %v", path[1], err)
		}
	}
	for _, run := range regexp.MustCompile(`go test \./(\S+) -run (\w+)`).FindAllStringSubmatch(guide, -1) {
		if !strings.Contains(sources(t, "../"+run[1]), "func "+run[2]+"(") {
			t.Errorf("CONTRIBUTING runs %s, and %s has no such test", run[2], run[1])
		}
	}
}

// TestMap: the packages that the map in doc.go names are there, and what its drawing and
// its lists name of them is declared.
func TestMap(t *testing.T) {
	t.Parallel()
	doc := read(t, "doc.go")
	_, rest, _ := strings.Cut(doc, "The map")
	rooms, _, ok := strings.Cut(rest, "A command's states")
	named := regexp.MustCompile(`(?m)^//\t(\w+) +\S`).FindAllStringSubmatch(rooms, -1)
	if !ok || len(named) < 5 {
		t.Fatalf("%d packages found in the map", len(named))
	}
	for _, room := range named {
		if len(sources(t, room[1])) == 0 {
			t.Errorf("the map has %s, which is no package", room[1])
		}
	}
	_, rest, _ = strings.Cut(doc, "as job.Decide moves it")
	drawing, owners, ok := strings.Cut(rest, "Who owns which goroutine")
	states := regexp.MustCompile(`\b[A-Z]\w+`).FindAllString(drawing, -1)
	if !ok || len(states) < 5 {
		t.Fatalf("%d states found in the drawing", len(states))
	}
	rules := sources(t, "job")
	for _, state := range states {
		if !regexp.MustCompile(`(?m)^\t` + state + `\b`).MatchString(rules) {
			t.Errorf("the drawing has %s, which package job does not know", state)
		}
	}
	wiring := sources(t, ".")
	for _, runs := range regexp.MustCompile(`(?m)^//\t(\w+\.\w+) `).FindAllStringSubmatch(owners, -1) {
		if !strings.Contains(wiring, "."+runs[1]) {
			t.Errorf("doc.go says that Run starts %s, which is nowhere in the wiring", runs[1])
		}
	}
}

// sources is the Go code of a package, its tests included.
func sources(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		all.WriteString(read(t, filepath.ToSlash(file)))
	}
	return all.String()
}

// TestGuideGo: the workflow runs a release of the Go that go.mod asks for.
func TestGuideGo(t *testing.T) {
	t.Parallel()
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if got := strings.TrimSpace(read(t, "../.github/go-version")); version == nil || got != version[1]+".x" {
		t.Errorf("the workflow runs Go %s, go.mod asks for %v", got, version)
	}
}
