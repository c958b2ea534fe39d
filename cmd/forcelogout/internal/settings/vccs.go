package settings

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// VCCs are the settings of each VCC: what a flag or the environment says, then the entry,
// and for the rest what holds for all. Without a file there is one VCC.
func (f *File) VCCs(common PerVCC) ([]PerVCC, error) {
	if f == nil {
		return []PerVCC{common}, nil
	}
	f.protectToo("protect", &common.Protect)
	f.protectToo("protect-file", &common.ProtectFile)
	if f.inspectors != nil {
		if err := asText(f.inspectors, textKeys()); err != nil {
			return nil, configError(f.path, err)
		}
		if err := yaml.NodeToValue(f.inspectors, &common.Inspectors, yaml.Strict()); err != nil {
			return nil, configError(f.path, err)
		}
	}
	if len(f.vccs) == 0 {
		return []PerVCC{common}, nil
	}
	if by := f.given["vcc"]; by != "" {
		return nil, fmt.Errorf("%s and vccs in --config %s: give one of them", by, f.path)
	}
	all := make([]PerVCC, 0, len(f.vccs))
	for i, entry := range f.vccs {
		s, err := f.entry(entry, common)
		if err != nil {
			return nil, err
		}
		if s.VCC == "" {
			return nil, fmt.Errorf("--config %s: entry %d of vccs has no vcc", f.path, i+1)
		}
		if slices.ContainsFunc(all, func(other PerVCC) bool { return other.VCC == s.VCC }) {
			return nil, fmt.Errorf("--config %s: vcc %s is there twice", f.path, s.VCC)
		}
		all = append(all, s)
	}
	return all, f.ownSecrets(all)
}

// protectToo adds what the file says of protected agents to what a flag or the environment
// says. Nobody loses their protection because another place names somebody else.
func (f *File) protectToo(key string, to *[]string) {
	if text := f.settings[key]; text != "" && f.given[key] != "" {
		*to = append(strings.Split(text, ","), *to...)
	}
}

// whose are the settings that make a VCC the one that it is. Where a flag and an entry
// have one of them, neither can be what was meant for the other.
func whose() []string {
	return []string{"gateway", "inspector", "guid-file", "password-file", "session"}
}

// entry reads one of vccs.
func (f *File) entry(node ast.Node, common PerVCC) (PerVCC, error) {
	s := common
	s.VCC, s.Inspectors, s.keys = "", nil, map[string]bool{}
	s.Protect, s.ProtectFile = nil, nil
	if err := asText(node, textKeys()); err != nil {
		return s, configError(f.path, err)
	}
	if err := yaml.NodeToValue(node, &s, yaml.Strict()); err != nil {
		return s, configError(f.path, err)
	}
	entry, is := node.(*ast.MappingNode)
	if !is {
		return s, fmt.Errorf("--config %s, line %d: an entry of vccs must be keys with values", f.path, node.GetToken().Position.Line)
	}
	for _, value := range entry.Values {
		key := value.Key.String()
		by := f.given[key]
		if by != "" && slices.Contains(whose(), key) {
			return s, fmt.Errorf("%s and %s of an entry of vccs in --config %s: give one of them", by, key, f.path)
		}
		s.keys[key] = by == ""
	}
	agents, files := s.Protect, s.ProtectFile
	s.take(common, f.given)
	s.Protect, s.ProtectFile = slices.Concat(common.Protect, agents), slices.Concat(common.ProtectFile, files)
	return s, nil
}

// take takes over the settings that were given from settings that have them.
func (s *PerVCC) take(from PerVCC, given map[string]string) {
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
func (f *File) ownSecrets(all []PerVCC) error {
	if len(all) < 2 {
		return nil
	}
	for _, name := range []string{PasswordVariable, GUIDVariable} {
		for _, s := range all {
			if os.Getenv(name) != "" && len(s.Inspectors) == 0 && s.Single.GUIDFile == "" && s.Single.PasswordFile == "" && s.Single.Session == "" {
				return fmt.Errorf("--config %s: vcc %s has no password-file, guid-file or session, and %s is for a single VCC: it would go to the gateways of all", f.path, s.VCC, name)
			}
		}
	}
	return nil
}
