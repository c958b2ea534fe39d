package messages

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The contract for machines, as published: JSON Schemas of 2020-12, and an AsyncAPI 3
// document of the subjects. They are written by hand, and the tests of this package hold
// them against the Go types.
//
//go:embed schema/*.json
var schemas embed.FS

// SchemaNames are the names that Schema knows.
func SchemaNames() []string {
	return []string{"command", "result", "progress", "gateway-state", "dead-letter", "asyncapi"}
}

// Schema returns one of the published documents, whole: AsyncAPI's has the schemas of the
// messages in it.
func Schema(name string) ([]byte, error) {
	if !slices.Contains(SchemaNames(), name) {
		return nil, fmt.Errorf("there is no schema %s, but %s", quote(name), strings.Join(SchemaNames(), ", "))
	}
	text, err := schemas.ReadFile("schema/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("reading the schema %s: %w", name, err)
	}
	for _, part := range SchemaNames() {
		reference := []byte(`{ "$ref": "./` + part + `.json" }`)
		if !bytes.Contains(text, reference) {
			continue
		}
		whole, err := Schema(part)
		if err != nil {
			return nil, err
		}
		text = bytes.ReplaceAll(text, reference, bytes.TrimSpace(whole))
	}
	if name == "asyncapi" {
		whole := jsontext.Value(text)
		if err := whole.Indent(jsontext.WithIndent("  ")); err != nil {
			return nil, fmt.Errorf("putting the schemas into AsyncAPI's document: %w", err)
		}
		text = append(whole, '\n')
	}
	return text, nil
}
