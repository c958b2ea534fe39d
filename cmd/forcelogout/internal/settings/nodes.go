package settings

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// empty reports whether a key has nothing after it, or null.
func empty(node ast.Node) bool {
	_, is := node.(*ast.NullNode)
	return node == nil || is
}

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
			switch value := entry.Value.(type) {
			case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
				if texts[key] {
					entry.Value = ast.String(value.GetToken())
				}
			case *ast.SequenceNode:
				if texts[key] {
					partsAsText(value)
				}
				if err := asText(value, texts); err != nil {
					return err
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

// partsAsText makes the numbers of a list texts.
func partsAsText(list *ast.SequenceNode) {
	for i, part := range list.Values {
		switch part.(type) {
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
			list.Values[i] = ast.String(part.GetToken())
		}
	}
}

// textKeys are the settings of a VCC and its inspectors that are texts, or lists
// of them.
func textKeys() map[string]bool {
	texts := map[string]bool{}
	for _, settings := range []reflect.Type{reflect.TypeFor[PerVCC](), reflect.TypeFor[Inspector]()} {
		for i := range settings.NumField() {
			if field := settings.Field(i); field.Type.Kind() == reflect.String || field.Type == reflect.TypeFor[[]string]() {
				texts[field.Tag.Get("yaml")] = true
			}
		}
	}
	return texts
}
