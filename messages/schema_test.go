package messages_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/messages/schematest"
)

// schema is what the tests read of a published schema.
type schema struct {
	Properties map[string]struct {
		Type, Format, Pattern, Description string
		Const                              any
		Enum                               []string
	}
	Required []string
	Examples []map[string]any
}

func readSchema(t testing.TB, name string, into any) {
	t.Helper()
	text, err := messages.Schema(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func newContract(t testing.TB) *schematest.Contract {
	t.Helper()
	contract, err := schematest.New()
	if err != nil {
		t.Fatal(err)
	}
	return contract
}

// written are the messages whose fields both Go and a schema have.
func written() map[string]reflect.Type {
	return map[string]reflect.Type{
		"command": reflect.TypeFor[messages.Command](), "result": reflect.TypeFor[messages.Result](),
		"progress": reflect.TypeFor[messages.Progress](), "gateway-state": reflect.TypeFor[messages.GatewayState](),
	}
}

// TestSchemaFields: Go and the schema have the same fields, of the same types, and the same
// of them are always there. To add a field, add it to both.
func TestSchemaFields(t *testing.T) {
	for name, message := range written() {
		var s schema
		readSchema(t, name, &s)
		var required []string
		pattern := "" // of times
		for field := range message.Fields() {
			tag, omitted, _ := strings.Cut(field.Tag.Get("json"), ",")
			property, known := s.Properties[tag]
			if !known {
				t.Errorf("%s: the schema lacks the field %s", name, tag)
				continue
			}
			delete(s.Properties, tag)
			if omitted == "" {
				required = append(required, tag)
			}
			if want := schemaType(field.Type); property.Type != want || property.Description == "" {
				t.Errorf("%s: the schema says of %s that it is of type %q, want %q, and as description %q", name, tag, property.Type, want, property.Description)
			}
			if field.Type != reflect.TypeFor[time.Time]() {
				continue
			}
			if pattern == "" {
				pattern = property.Pattern
			}
			if property.Format != "date-time" || property.Pattern != pattern || pattern == "" {
				t.Errorf("%s: the time %s has the format %q and the pattern %q", name, tag, property.Format, property.Pattern)
			}
		}
		for tag := range s.Properties {
			t.Errorf("%s: the schema has the field %s, and Go lacks it", name, tag)
		}
		if !slices.Equal(s.Required, required) {
			t.Errorf("%s: the schema requires %v, Go always writes %v", name, s.Required, required)
		}
	}
}

func schemaType(of reflect.Type) string {
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch of.Kind() {
	case reflect.String:
		return "string"
	case reflect.Int:
		return "integer"
	case reflect.Bool:
		return "boolean"
	case reflect.Map:
		return "object"
	}
	if of == reflect.TypeFor[time.Time]() || of == reflect.TypeFor[messages.Duration]() {
		return "string"
	}
	return "a type that this test does not know"
}

// TestSchemaValues: where Go has constants for a field's values, the schema has the same.
func TestSchemaValues(t *testing.T) {
	for _, test := range []struct{ schema, field, file, constants string }{
		{"result", "outcome", "outcome.go", "Outcome"},
		{"result", "cause", "outcome.go", "Cause"},
		{"result", "agentState", "agentstate.go", "Agent"},
		{"progress", "phase", "progress.go", "Phase"},
		{"progress", "waitFor", "progress.go", "Wait"},
		{"gateway-state", "state", "gatewaystate.go", "Gateway"},
	} {
		var s schema
		readSchema(t, test.schema, &s)
		want := slices.Sorted(maps.Values(constants(t, test.file, test.constants)))
		if got := slices.Sorted(slices.Values(s.Properties[test.field].Enum)); len(want) < 2 || !slices.Equal(got, want) {
			t.Errorf("%s of %s: the schema has %v, Go has %v", test.field, test.schema, got, want)
		}
	}
}

// constants are the text constants of a file whose names begin so.
func constants(t *testing.T, file, prefix string) map[string]string {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(source, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		if text, is := spec.Values[0].(*ast.BasicLit); is && text.Kind == token.STRING {
			if found[spec.Names[0].Name], err = strconv.Unquote(text.Value); err != nil {
				t.Fatal(err)
			}
		}
		return true
	})
	return found
}

type asyncAPI struct {
	Channels map[string]struct {
		Address    *string
		Parameters map[string]any
	}
	Components struct {
		Schemas  map[string]schema
		Messages map[string]struct {
			Examples []struct{ Headers, Payload map[string]any }
		}
	}
}

// TestSchemaHeaders: each header of ours is in a schema, and the other way round.
func TestSchemaHeaders(t *testing.T) {
	var document asyncAPI
	readSchema(t, "asyncapi", &document)
	ours := constants(t, "headers.go", "Header")
	result := messages.Result{ID: "a", VCC: "b", WorkNo: "101", FinishedAt: time.Now()}
	for name := range result.CloudEvent("/x") {
		ours[name] = name
	}
	described := map[string]bool{}
	for _, part := range []string{"deadLetter", "resultHeaders"} {
		properties := document.Components.Schemas[part].Properties
		if len(properties) < 3 {
			t.Errorf("%s has %d headers", part, len(properties))
		}
		for name := range properties {
			if strings.HasPrefix(name, "Forcelogout-") || strings.HasPrefix(name, "ce-") {
				described[name] = true
			}
		}
	}
	if got, want := slices.Sorted(maps.Keys(described)), slices.Sorted(maps.Values(ours)); !slices.Equal(got, want) {
		t.Errorf("the schemas have the headers %v, Go has %v", got, want)
	}
}

// TestSchemaExamples: the examples are valid, Go reads them as they stand, and together
// they show each field.
func TestSchemaExamples(t *testing.T) {
	contract := newContract(t)
	for _, name := range messages.SchemaNames() {
		if name == "asyncapi" {
			continue
		}
		var s schema
		readSchema(t, name, &s)
		for _, example := range s.Examples {
			data, err := json.Marshal(example, json.Deterministic(true))
			if err != nil {
				t.Fatal(err)
			}
			if err := contract.Valid(name, data); err != nil {
				t.Errorf("an example of %s: %v", name, err)
			}
			for field := range example {
				delete(s.Properties, field)
			}
			if message, is := written()[name]; is {
				checkRead(t, message, data)
			}
			if name == "command" {
				if _, err := messages.DecodeCommand(data); err != nil {
					t.Errorf("an example of %s: %v", name, err)
				}
			}
		}
		for field := range s.Properties {
			t.Errorf("no example of %s shows %s", name, field)
		}
	}
}

// checkRead wants every field of the JSON to be one of the message's.
func checkRead(t *testing.T, message reflect.Type, data []byte) {
	t.Helper()
	if err := json.Unmarshal(data, reflect.New(message).Interface(), json.RejectUnknownMembers(true)); err != nil {
		t.Errorf("%s: %v", data, err)
	}
}

// TestAsyncAPIExamples: what the document shows of each message is valid.
func TestAsyncAPIExamples(t *testing.T) {
	var document asyncAPI
	readSchema(t, "asyncapi", &document)
	contract := newContract(t)
	prefix := messages.DefaultPrefix
	subjects := map[string]string{
		"command": prefix.Commands("default"), "scheduledCommand": prefix.Schedule("default", "a"), "result": prefix.Result("default", "30012", "a"),
	}
	for name, subject := range subjects {
		examples := document.Components.Messages[name].Examples
		if len(examples) == 0 {
			t.Errorf("%s has no example", name)
		}
		for _, example := range examples {
			header := map[string][]string{}
			for key, value := range example.Headers {
				header[key] = []string{value.(string)}
			}
			payload, err := json.Marshal(example.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if err := contract.Message(subject, header, payload); err != nil {
				t.Errorf("an example of %s: %v", name, err)
			}
		}
	}
}

// TestAsyncAPISubjects: the document has the subjects that Prefix builds, all but those
// that are forcelogout's own business, and no others.
func TestAsyncAPISubjects(t *testing.T) {
	var document asyncAPI
	readSchema(t, "asyncapi", &document)
	want := map[string]bool{}
	prefix := reflect.ValueOf(messages.Prefix("{prefix}"))
	names := map[string][]string{
		"Commands": {"{vcc}"}, "Schedule": {"{vcc}", "{id}"}, "Result": {"{vcc}", "{workNo}", "{id}"}, "Dead": {"{vcc}"},
		"Progress": {"{vcc}", "{workNo}", "{id}"}, "GatewayState": {"{vcc}"},
	}
	unpublished := []string{
		"Parked", "Cancel", "Status", "Session", "Backlog", // what workers say to each other
		"Stream", "Consumer", "Owns", "Validate", // no subjects
	}
	for method := range prefix.Type().Methods() {
		tokens, published := names[method.Name]
		if published == slices.Contains(unpublished, method.Name) {
			t.Errorf("say in this test whether the subject of Prefix.%s is published", method.Name)
		}
		if !published {
			continue
		}
		var in []reflect.Value
		for _, token := range tokens {
			in = append(in, reflect.ValueOf(token))
		}
		want[prefix.MethodByName(method.Name).Call(in)[0].String()] = true
	}
	got := map[string]bool{}
	for name, channel := range document.Channels {
		if channel.Address == nil { // that of replies, which the command names
			continue
		}
		got[*channel.Address] = true
		for parameter := range channel.Parameters {
			if !strings.Contains(*channel.Address, "{"+parameter+"}") {
				t.Errorf("the channel %s has a parameter %s that its address lacks", name, parameter)
			}
		}
		if n := strings.Count(*channel.Address, "{"); n != len(channel.Parameters) {
			t.Errorf("the channel %s has %d parameters, its address %d", name, len(channel.Parameters), n)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the document has the subjects %v, Go has %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// member is a field of a command with a value that may be good or bad.
var member = rapid.Custom(func(t *rapid.T) [2]string {
	name := rapid.SampledFrom([]string{"id", "workNo", "inspector", "issuedAt", "notBefore", "expiresAt", "reason", "requestedBy",
		"replyTo", "meta", "signedInBefore", "whenIdle", "graceUntil", "ID", "priority"}).Draw(t, "name")
	value := rapid.OneOf(
		rapid.SampledFrom([]string{`null`, `""`, `1`, `true`, `false`, `[]`, `{}`, `{"a":"b"}`, `{"a":1}`, `{"a":"b\n"}`, `"a b"`, `"_INBOX.a"`, `"a..b"`,
			`"$JS.API"`, `"a.*"`, `"100"`, `"101"`, `"30012"`, `"1000000"`, `"030012"`, `"2026-01-31T18:00:00Z"`, `"2026-01-31T18:00:00.123456789+01:00"`,
			`"2026-01-31t18:00:00z"`, `"2026-02-30T18:00:00Z"`, `"2026-01-31T23:59:60Z"`, `"2026-01-31T18:00:00+24:00"`, `"0000-01-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`,
			`"9999-12-31T23:59:59-01:00"`, `"` + strings.Repeat("ü", 128) + `"`, `"` + strings.Repeat("ü", 257) + `"`, "\"\u0085\"", "\"\u00a0\"", "\"\u2028\"", `"\u0000"`}),
		rapid.Custom(func(t *rapid.T) string {
			text, err := json.Marshal(rapid.String().Draw(t, "text"))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}),
	).Draw(t, "value")
	return [2]string{name, value}
})

// TestSchemaTakesWhatIsDecoded: the schema of commands takes what the decoder takes, and
// refuses what the decoder refuses, where JSON Schema can say it.
func TestSchemaTakesWhatIsDecoded(t *testing.T) {
	contract := newContract(t)
	rapid.Check(t, func(t *rapid.T) {
		members := []string{`"id":"a"`, `"workNo":"30012"`}
		for _, m := range rapid.SliceOfNDistinct(member, 0, 5, func(m [2]string) string { return m[0] }).Draw(t, "members") {
			members = slices.DeleteFunc(members, func(s string) bool { return strings.HasPrefix(s, `"`+m[0]+`":`) })
			members = append(members, `"`+m[0]+`":`+m[1])
		}
		command := "{" + strings.Join(members, ",") + "}"
		if err := contract.Command([]byte(command)); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	})
}

// TestSchemaUnknown: a name that is none is refused with those that are.
func TestSchemaUnknown(t *testing.T) {
	for _, name := range []string{"", "../schema", "openapi", "command.json"} {
		if _, err := messages.Schema(name); err == nil || !strings.Contains(err.Error(), "dead-letter") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
