package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// configFile is what --config names: YAML with a key for every flag of worker,
// and under vccs one entry for each of several VCCs, in which the flags that are
// about a VCC stand again. A flag goes before its environment variable, and that
// before the file.
type configFile struct {
	settings   map[string]string // top level, by flag
	vccs       []ast.Node        // an entry each
	inspectors ast.Node          // of a single VCC; nil without
}

// The keys of the file that are no flags.
const (
	keyVCCs       = "vccs"
	keyInspectors = "inspectors"
)

// BeforeResolve reads the configuration file before kong looks for settings that
// no flag gave.
func (c *workerCommand) BeforeResolve(ctx *kong.Context) error {
	i := slices.IndexFunc(ctx.Flags(), func(f *kong.Flag) bool { return f.Name == "config" })
	path, _ := ctx.FlagValue(ctx.Flags()[i]).(string)
	if path == "" {
		return nil
	}
	file, err := readConfig(path, ctx.Flags())
	if err != nil {
		return err
	}
	c.file = file
	c.given = map[string]string{}
	for _, flag := range ctx.Flags() {
		if name := fromEnvironment(flag); name != "" {
			c.given[flag.Name] = name
		}
	}
	for _, p := range ctx.Path {
		if p.Flag != nil {
			c.given[p.Flag.Name] = "--" + p.Flag.Name
		}
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		value, is := file.settings[flag.Name]
		if fromEnvironment(flag) != "" || !is {
			return nil, nil
		}
		return value, nil
	}))
	return nil
}

// fromEnvironment is the variable that sets a flag, "" for none.
func fromEnvironment(flag *kong.Flag) string {
	for _, name := range flag.Envs {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return ""
}

// readConfig reads the file and makes sure that every key is one that worker has.
func readConfig(path string, flags []*kong.Flag) (*configFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	// The parser would take the byte order mark of some editors for part of the first key.
	parsed, err := parser.ParseBytes(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), 0)
	if err != nil {
		return nil, configError(path, err)
	}
	file := &configFile{settings: map[string]string{}}
	for i, doc := range parsed.Docs {
		if i > 0 && doc.Body != nil {
			return nil, fmt.Errorf("--config %s, line %d: a second document begins: write one", path, doc.Body.GetToken().Position.Line)
		}
		if err := file.read(doc.Body); err != nil {
			return nil, configError(path, err)
		}
	}
	for key := range file.settings {
		if !slices.ContainsFunc(flags, func(f *kong.Flag) bool { return f.Name == key && !slices.Contains(notInFile(), key) }) {
			return nil, fmt.Errorf("--config %s: unknown key %q (the keys are the flags of worker, and %s)", path, key, keyVCCs)
		}
	}
	return file, nil
}

// read takes a document apart.
func (f *configFile) read(body ast.Node) error {
	if body == nil {
		return nil
	}
	var whole map[string]any // for what the YAML package finds wrong
	if err := yaml.NodeToValue(body, &whole); err != nil {
		return err
	}
	top, is := body.(*ast.MappingNode)
	if !is {
		return fmt.Errorf("line %d: it must be keys with values", body.GetToken().Position.Line)
	}
	for _, entry := range top.Values {
		key := entry.Key.String()
		list, isList := entry.Value.(*ast.SequenceNode)
		switch {
		case empty(entry.Value):
			return fmt.Errorf("line %d: %s has no value", entry.Key.GetToken().Position.Line, key)
		case key != keyVCCs && key != keyInspectors:
			value, err := flat(entry.Value)
			if err != nil {
				return err
			}
			f.settings[key] = value
		case !isList:
			return fmt.Errorf("line %d: %s must be a list", entry.GetToken().Position.Line, key)
		case key == keyInspectors:
			f.inspectors = list
		default:
			f.vccs = list.Values
		}
	}
	return nil
}

// empty reports whether a key has nothing after it, or null.
func empty(node ast.Node) bool {
	_, is := node.(*ast.NullNode)
	return node == nil || is
}

// notInFile are flags that make sense on a command line only.
func notInFile() []string { return []string{"help", "config", "check-config"} }

// flat turns YAML's values, lists and maps into what a flag would be given: the text as
// it stands in the file, since 070001 is no octal number here.
func flat(node ast.Node) (string, error) {
	switch v := node.(type) {
	case *ast.SequenceNode:
		parts := make([]string, len(v.Values))
		for i, part := range v.Values {
			text, err := flat(part)
			if err != nil {
				return "", err
			}
			parts[i] = text
		}
		return strings.Join(parts, ","), nil
	case *ast.MappingNode:
		parts := make([]string, 0, len(v.Values))
		for _, entry := range v.Values {
			text, err := flat(entry.Value)
			if err != nil {
				return "", err
			}
			parts = append(parts, entry.Key.GetToken().Value+"="+text)
		}
		slices.Sort(parts)
		return strings.Join(parts, ";"), nil
	case *ast.StringNode:
		return v.Value, nil
	case *ast.LiteralNode:
		return v.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return v.GetToken().Value, nil
	}
	return "", fmt.Errorf("line %d: a value that is no text, number, list or map", node.GetToken().Position.Line)
}

// asText makes the numbers of a node texts where a setting is a text: an agent or a VCC
// whose name has digits only.
func asText(node ast.Node, texts map[string]bool) error {
	switch v := node.(type) {
	case *ast.SequenceNode:
		for _, part := range v.Values {
			if err := asText(part, texts); err != nil {
				return err
			}
		}
	case *ast.MappingNode:
		for _, entry := range v.Values {
			key := entry.Key.String()
			if empty(entry.Value) {
				return fmt.Errorf("line %d: %s has no value", entry.Key.GetToken().Position.Line, key)
			}
			switch scalar := entry.Value.(type) {
			case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
				if texts[key] {
					entry.Value = ast.String(scalar.GetToken())
				}
			default:
				if err := asText(entry.Value, texts); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// textKeys are the settings of a VCC and its inspectors that are texts.
func textKeys() map[string]bool {
	texts := map[string]bool{}
	for _, settings := range []reflect.Type{reflect.TypeFor[vccSettings](), reflect.TypeFor[inspectorSettings]()} {
		for i := range settings.NumField() {
			if field := settings.Field(i); field.Type.Kind() == reflect.String {
				texts[field.Tag.Get("yaml")] = true
			}
		}
	}
	return texts
}

// settings are those of each VCC: what a flag or the environment says, then the entry,
// and for the rest what holds for all.
func (c *workerCommand) settings() ([]vccSettings, error) {
	if c.file == nil {
		return []vccSettings{c.vccSettings}, nil
	}
	if c.file.inspectors != nil {
		if err := asText(c.file.inspectors, textKeys()); err != nil {
			return nil, configError(c.Config, err)
		}
		if err := yaml.NodeToValue(c.file.inspectors, &c.Inspectors, yaml.Strict()); err != nil {
			return nil, configError(c.Config, err)
		}
	}
	if len(c.file.vccs) == 0 {
		return []vccSettings{c.vccSettings}, nil
	}
	if by := c.given["vcc"]; by != "" {
		return nil, fmt.Errorf("%s and vccs in --config %s: give one of them", by, c.Config)
	}
	all := make([]vccSettings, 0, len(c.file.vccs))
	for i, entry := range c.file.vccs {
		s, err := c.entry(entry)
		if err != nil {
			return nil, err
		}
		if s.VCC == "" {
			return nil, fmt.Errorf("--config %s: entry %d of vccs has no vcc", c.Config, i+1)
		}
		if slices.ContainsFunc(all, func(other vccSettings) bool { return other.VCC == s.VCC }) {
			return nil, fmt.Errorf("--config %s: vcc %s is there twice", c.Config, s.VCC)
		}
		all = append(all, s)
	}
	return all, c.ownSecrets(all)
}

// whose are the settings that make a VCC the one that it is. Where a flag and an entry
// have one of them, neither can be what was meant for the other.
func whose() []string {
	return []string{"gateway", "inspector", "guid-file", "password-file", "session"}
}

// entry reads one of vccs.
func (c *workerCommand) entry(node ast.Node) (vccSettings, error) {
	s := c.vccSettings
	s.VCC, s.Inspectors, s.keys = "", nil, map[string]bool{}
	if err := asText(node, textKeys()); err != nil {
		return s, configError(c.Config, err)
	}
	if err := yaml.NodeToValue(node, &s, yaml.Strict()); err != nil {
		return s, configError(c.Config, err)
	}
	entry, is := node.(*ast.MappingNode)
	if !is {
		return s, fmt.Errorf("--config %s, line %d: an entry of vccs must be keys with values", c.Config, node.GetToken().Position.Line)
	}
	for _, value := range entry.Values {
		key := value.Key.String()
		by := c.given[key]
		if by != "" && slices.Contains(whose(), key) {
			return s, fmt.Errorf("%s and %s of an entry of vccs in --config %s: give one of them", by, key, c.Config)
		}
		s.keys[key] = by == ""
	}
	s.take(c.vccSettings, c.given)
	return s, nil
}

// take takes over the settings that were given from settings that have them.
func (s *vccSettings) take(from vccSettings, given map[string]string) {
	to, have := reflect.ValueOf(s).Elem(), reflect.ValueOf(from)
	for _, part := range []struct{ to, from reflect.Value }{{to, have}, {to.FieldByName("Single"), have.FieldByName("Single")}} {
		for i := range part.to.NumField() {
			if key := part.to.Type().Field(i).Tag.Get("yaml"); given[key] != "" {
				part.to.Field(i).Set(part.from.Field(i))
			}
		}
	}
}

// ownSecrets makes sure that no secret of the environment goes to the gateways of
// several tenants.
func (c *workerCommand) ownSecrets(all []vccSettings) error {
	if len(all) < 2 {
		return nil
	}
	for _, name := range []string{passwordVariable, guidVariable} {
		for _, s := range all {
			if os.Getenv(name) != "" && len(s.Inspectors) == 0 && s.Single.GUIDFile == "" && s.Single.PasswordFile == "" && s.Single.Session == "" {
				return fmt.Errorf("--config %s: vcc %s has no password-file, guid-file or session, and %s is for a single VCC: it would go to the gateways of all", c.Config, s.VCC, name)
			}
		}
	}
	return nil
}

// configError is one line; the YAML package draws the place over several.
func configError(path string, err error) error {
	var kind *yaml.TypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("--config %s, line %d: %q is no %s", path, kind.Token.Position.Line, kind.Token.Value, kind.DstType)
	}
	var placed yaml.Error
	if errors.As(err, &placed) {
		return fmt.Errorf("--config %s, line %d: %s", path, placed.GetToken().Position.Line, placed.GetMessage())
	}
	return fmt.Errorf("--config %s, %w", path, err)
}
