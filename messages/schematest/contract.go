// Package schematest holds messages against the published schemas, for tests.
package schematest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/forcelogout/forcelogout/messages"
)

// Headers of results and of commands for later have schemas within AsyncAPI's document.
const (
	resultHeaders   = "resultHeaders"
	scheduleHeaders = "scheduleHeaders"
)

// Contract is the published schemas. What forcelogout itself writes has no field that they
// lack, though readers ignore such a field.
type Contract struct{ schemas map[string]*jsonschema.Schema }

// New compiles the schemas.
func New() (*Contract, error) {
	c := &Contract{schemas: map[string]*jsonschema.Schema{}}
	for _, name := range messages.SchemaNames() {
		document, err := published(name)
		if err != nil {
			return nil, err
		}
		if name != "asyncapi" {
			document["additionalProperties"] = false
			if err := c.add(name, document); err != nil {
				return nil, err
			}
			continue
		}
		parts := document["components"].(map[string]any)["schemas"].(map[string]any)
		parts[resultHeaders].(map[string]any)["additionalProperties"] = false
		for _, name := range []string{resultHeaders, scheduleHeaders} {
			if err := c.add(name, parts[name]); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

func published(name string) (document map[string]any, err error) {
	text, err := messages.Schema(name)
	if err == nil {
		err = json.Unmarshal(text, &document)
	}
	return document, err
}

func (c *Contract) add(name string, document any) error {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	url := "test:" + name
	if err := compiler.AddResource(url, document); err != nil {
		return fmt.Errorf("schema %s: %w", name, err)
	}
	schema, err := compiler.Compile(url)
	if err != nil {
		return fmt.Errorf("schema %s: %w", name, err)
	}
	c.schemas[name] = schema
	return nil
}

// Valid checks JSON against one of the schemas.
func (c *Contract) Valid(name string, data []byte) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return c.schemas[name].Validate(value)
}

func (c *Contract) validHeader(name string, header map[string][]string) error {
	values := map[string]any{}
	for key, all := range header {
		switch key {
		case "Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp": // the server adds them where it is asked for a message
		default:
			values[key] = strings.Join(all, ",")
		}
	}
	return c.schemas[name].Validate(values)
}

// Command checks that the decoder of commands and the schema are of one mind. Each takes
// what the other takes, except for what JSON Schema cannot say.
func (c *Contract) Command(data []byte) error {
	_, decoding := messages.DecodeCommand(data)
	schema := c.Valid("command", data)
	switch {
	case decoding == nil && schema != nil:
		return fmt.Errorf("the decoder takes what the schema refuses: %w", schema)
	case decoding != nil && schema == nil && !isBeyondSchema(decoding):
		return fmt.Errorf("the schema takes what the decoder refuses: %w", decoding)
	default:
		return nil
	}
}

// isBeyondSchema reports whether a command is refused for what JSON Schema cannot say: it
// compares no two fields, and counts neither bytes nor what several values have together.
func isBeyondSchema(refusal error) bool {
	var invalid *messages.InvalidError
	if !errors.As(refusal, &invalid) {
		return false
	}
	for _, beyond := range []struct{ field, problem string }{
		{"", "the command has"},
		{"inspector", "must differ from workNo"},
		{"expiresAt", "must be after notBefore"},
		{"graceUntil", "must be before expiresAt"},
		{"meta", "names and values must have at most"},
		{"replyTo", "must have at most"},
		{invalid.Field, "must be a real time"},
		{invalid.Field, "must be whole seconds from"},
		{invalid.Field, "must be within the years"},
	} {
		if invalid.Field == beyond.field && strings.HasPrefix(invalid.Problem, beyond.problem) {
			return true
		}
	}
	return false
}

// Message checks a message by its subject under the default prefix. Other subjects than
// those that are published in the contract are nobody's business.
func (c *Contract) Message(subject string, header map[string][]string, data []byte) error {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(subject, string(messages.DefaultPrefix)+"."), ".")
	switch kind {
	case "commands":
		return c.Command(data)
	case "schedule":
		return errors.Join(c.validHeader(scheduleHeaders, header), c.Command(data))
	case "results":
		return errors.Join(c.validHeader(resultHeaders, header), c.Valid("result", data))
	case "dead":
		return c.validHeader("dead-letter", header)
	case "progress":
		if !strings.Contains(rest, ".") {
			return c.Valid("gateway-state", data)
		}
		return c.Valid("progress", data)
	default:
		return nil
	}
}
