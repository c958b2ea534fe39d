package settings

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// File is what --config names: YAML with a key for every flag of worker,
// and under vccs one entry for each of several VCCs, in which the flags that are
// about a VCC stand again. A flag goes before its environment variable, and that
// before the file.
type File struct {
	path       string
	given      map[string]string // what the command line or the environment has, by flag
	settings   map[string]string // top level, by flag
	vccs       []ast.Node        // an entry each
	inspectors ast.Node          // of a single VCC; nil without
}

// The keys of the file that are no flags.
const (
	keyVCCs       = "vccs"
	keyInspectors = "inspectors"
)

// ReadFile reads the file that --config names, and answers for it where no flag and no
// variable has a setting; nil without --config.
func ReadFile(ctx *kong.Context) (*File, error) {
	i := slices.IndexFunc(ctx.Flags(), func(f *kong.Flag) bool { return f.Name == "config" })
	path, _ := ctx.FlagValue(ctx.Flags()[i]).(string)
	if path == "" {
		return nil, nil
	}
	file, err := readConfig(path, ctx.Flags())
	if err != nil {
		return nil, err
	}
	for _, flag := range ctx.Flags() {
		if name := fromEnvironment(flag); name != "" {
			file.given[flag.Name] = name
		}
	}
	for _, p := range ctx.Path {
		if p.Flag != nil {
			file.given[p.Flag.Name] = "--" + p.Flag.Name
		}
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		value, is := file.settings[flag.Name]
		if fromEnvironment(flag) != "" || !is {
			return nil, nil
		}
		return value, nil
	}))
	return file, nil
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
func readConfig(path string, flags []*kong.Flag) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	// The parser would take the byte order mark of some editors for part of the first key.
	parsed, err := parser.ParseBytes(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), 0)
	if err != nil {
		return nil, configError(path, err)
	}
	file := &File{path: path, given: map[string]string{}, settings: map[string]string{}}
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
func (f *File) read(body ast.Node) error {
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

// notInFile are flags that make sense on a command line only.
func notInFile() []string { return []string{"help", "config", "check-config"} }

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
