package main

import (
	"errors"
	"fmt"
	"os"
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
	settings   map[string]any // top level, by flag
	vccs       []ast.Node     // an entry each
	inspectors ast.Node       // of a single VCC; nil without
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
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if inEnvironment(flag) {
			return nil, nil
		}
		return file.settings[flag.Name], nil
	}))
	return nil
}

func inEnvironment(flag *kong.Flag) bool {
	return slices.ContainsFunc(flag.Envs, func(name string) bool { return os.Getenv(name) != "" })
}

// readConfig reads the file and makes sure that every key is one that worker has.
func readConfig(path string, flags []*kong.Flag) (*configFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	parsed, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, configError(path, err)
	}
	file := &configFile{settings: map[string]any{}}
	for _, doc := range parsed.Docs {
		if err := file.read(doc.Body); err != nil {
			return nil, configError(path, err)
		}
	}
	for key, value := range file.settings {
		if !slices.ContainsFunc(flags, func(f *kong.Flag) bool { return f.Name == key && !slices.Contains(notInFile(), key) }) {
			return nil, fmt.Errorf("--config %s: unknown key %q (the keys are the flags of worker, and %s)", path, key, keyVCCs)
		}
		file.settings[key] = flat(value)
	}
	return file, nil
}

// read takes a document apart.
func (f *configFile) read(body ast.Node) error {
	if body == nil {
		return nil
	}
	if err := yaml.NodeToValue(body, &f.settings); err != nil {
		return err
	}
	delete(f.settings, keyVCCs)
	delete(f.settings, keyInspectors)
	top, _ := body.(*ast.MappingNode)
	if top == nil {
		return nil
	}
	for _, entry := range top.Values {
		list, isList := entry.Value.(*ast.SequenceNode)
		switch key := entry.Key.String(); {
		case key != keyVCCs && key != keyInspectors:
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

// notInFile are flags that make sense on a command line only.
func notInFile() []string { return []string{"help", "config", "check-config"} }

// flat turns YAML's lists and maps into what a flag would be given.
func flat(value any) any {
	switch v := value.(type) {
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			parts[i] = fmt.Sprint(part)
		}
		return strings.Join(parts, ",")
	case map[string]any:
		parts := make([]string, 0, len(v))
		for key, part := range v {
			parts = append(parts, fmt.Sprintf("%s=%v", key, part))
		}
		slices.Sort(parts)
		return strings.Join(parts, ";")
	case bool:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// settings are those of each VCC: what the entry says, and for the rest what holds
// for all.
func (c *workerCommand) settings() ([]vccSettings, error) {
	if c.file == nil {
		return []vccSettings{c.vccSettings}, nil
	}
	if c.file.inspectors != nil {
		if err := yaml.NodeToValue(c.file.inspectors, &c.Inspectors, yaml.Strict()); err != nil {
			return nil, configError(c.Config, err)
		}
	}
	if len(c.file.vccs) == 0 {
		return []vccSettings{c.vccSettings}, nil
	}
	all := make([]vccSettings, 0, len(c.file.vccs))
	for i, entry := range c.file.vccs {
		s := c.vccSettings
		s.VCC, s.Inspectors = "", nil
		if err := yaml.NodeToValue(entry, &s, yaml.Strict()); err != nil {
			return nil, configError(c.Config, err)
		}
		if s.VCC == "" {
			return nil, fmt.Errorf("--config %s: entry %d of vccs has no vcc", c.Config, i+1)
		}
		if slices.ContainsFunc(all, func(other vccSettings) bool { return other.VCC == s.VCC }) {
			return nil, fmt.Errorf("--config %s: vcc %s is there twice", c.Config, s.VCC)
		}
		all = append(all, s)
	}
	return all, nil
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
