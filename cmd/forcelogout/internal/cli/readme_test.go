package cli

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/messages/schematest"
)

func readme(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestREADMECommands: every forcelogout command line in the README is one that
// the program takes.
func TestREADMECommands(t *testing.T) {
	t.Parallel()
	takesAll(t, readme(t), regexp.MustCompile(`(?m)^ *(?:go run \./cmd/)?forcelogout (.+)$`), 5)
}

// takesAll: the program takes each command line of a page, of which there are some at least.
func takesAll(t *testing.T, page string, lines *regexp.Regexp, least int) {
	t.Helper()
	found := lines.FindAllStringSubmatch(page, -1)
	if len(found) < least {
		t.Fatalf("only %d command lines found", len(found))
	}
	for _, line := range found {
		var cli commands
		parser, err := kong.New(&cli, kong.Name("forcelogout"), kong.DefaultEnvars("FORCELOGOUT"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(strings.Fields(line[1])); err != nil {
			t.Errorf("%s: %v", line[0], err)
		}
	}
}

// TestREADMEMessages: the command and the result that the README shows are valid.
func TestREADMEMessages(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(readme(t), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d JSON blocks, want a command and a result", len(blocks))
	}
	if _, err := messages.DecodeCommand([]byte(blocks[0][1])); err != nil {
		t.Error(err)
	}
	contract, err := schematest.New()
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"command", "result"} {
		if err := contract.Valid(name, []byte(blocks[i][1])); err != nil {
			t.Error(err)
		}
	}
	result, err := messages.DecodeResult([]byte(blocks[1][1]))
	if err != nil {
		t.Fatal(err)
	}
	// What the program writes has the fields that the README shows, and no others.
	data, err := result.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var shown, written map[string]any
	if err := json.Unmarshal([]byte(blocks[1][1]), &shown); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &written); err != nil {
		t.Fatal(err)
	}
	for name := range shown {
		if _, ok := written[name]; !ok {
			t.Errorf("the README shows %q, which no result has", name)
		}
	}
}
