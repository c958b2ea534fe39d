package shift

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Shape describes an export once, in a file.
type Shape struct {
	Columns   map[string]string `yaml:"columns"`
	Meta      []string          `yaml:"meta"`
	Ignore    []string          `yaml:"ignore"`
	Where     []string          `yaml:"where"`
	Blank     string            `yaml:"blank"`
	Dates     string            `yaml:"dates"`
	Delimiter string            `yaml:"delimiter"`
	TZ        string            `yaml:"tz"`
	Zones     map[string]string `yaml:"zones"` // the file's own abbreviations
}

// ParseShape reads one. A key that is not known is an error.
func ParseShape(data []byte) (Shape, error) {
	var s Shape
	var keys map[string]any
	if err := yaml.Unmarshal(data, &keys); err != nil {
		return s, oneLine(err)
	}
	known := map[string]string{}
	for _, key := range []string{"columns", "meta", "ignore", "where", "blank", "dates", "delimiter", "tz", "zones"} {
		known[key] = key
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if known[key] == "" {
			return s, fmt.Errorf("unknown key %q%s: a shape has %s", key, didYouMean(key, known), strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	if err := yaml.UnmarshalWithOptions(data, &s, yaml.Strict()); err != nil {
		return s, oneLine(err)
	}
	return s, nil
}

func oneLine(err error) error {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("no shape: %s", first)
}

// Rules are the shape as the reading takes it.
func (s Shape) Rules() (Rules, error) {
	r := Rules{Columns: s.Columns, Meta: s.Meta, Ignore: s.Ignore, SkipBlank: s.Blank == "skip", Dates: s.Dates}
	var problems []error
	for _, text := range s.Where {
		where, err := ParseWhere(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("where: %w", err))
			continue
		}
		r.Where = append(r.Where, where)
	}
	if s.Blank != "" && s.Blank != "skip" && s.Blank != "error" {
		problems = append(problems, fmt.Errorf("blank: must be error or skip, got %q", s.Blank))
	}
	var known bool
	if r.Delimiter, known = delimiters()[s.Delimiter]; s.Delimiter != "" && !known {
		problems = append(problems, fmt.Errorf("delimiter: must be comma, semicolon, tab or bar, got %q", s.Delimiter))
	}
	for short, name := range s.Zones {
		loc, err := rowZone(name, nil)
		if err != nil {
			problems = append(problems, fmt.Errorf("zones: %s: %w", short, err))
			continue
		}
		if r.Zones == nil {
			r.Zones = map[string]*time.Location{}
		}
		r.Zones[short] = loc
	}
	return r, errors.Join(append(problems, r.Check())...)
}

func delimiters() map[string]rune {
	return map[string]rune{"comma": ',', "semicolon": ';', "tab": '\t', "bar": '|'}
}
