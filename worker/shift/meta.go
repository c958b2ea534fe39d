package shift

import (
	"maps"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Within what messages allow: a row is never bad for what is only told along.
const (
	metaEntries = 16
	metaSize    = 2 << 10
)

// metaOf gathers a command's meta, cleaned and cut.
type metaOf struct {
	entries map[string]string
	size    int
	changed bool
}

// add takes an entry as far as there is room for it.
func (m *metaOf) add(name, value string) {
	clear, clearName := cleanText(value), cleanText(name)
	if clear != value || clearName != name {
		m.changed = true
	}
	if clear == "" || clearName == "" {
		return
	}
	room := metaSize - m.size - len(clearName)
	_, twice := m.entries[clearName]
	if len(m.entries) == metaEntries || room <= 0 || twice {
		m.changed = true
		return
	}
	if len(clear) > room {
		m.changed = true
		for room > 0 && !utf8.RuneStart(clear[room]) {
			room--
		}
		if clear = strings.TrimSpace(clear[:room]); clear == "" {
			return
		}
	}
	if m.entries == nil {
		m.entries = map[string]string{}
	}
	m.entries[clearName] = clear
	m.size += len(clearName) + len(clear)
}

// cleanText has white space for what no text holds.
func cleanText(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	return strings.TrimSpace(text)
}

// beside adds the entries to a row's own meta, which goes before them.
func (m *metaOf) beside(own jsontext.Value) jsontext.Value {
	all := maps.Clone(m.entries)
	if own != nil && (own.Kind() == 'n' || json.Unmarshal(own, &all) != nil) {
		return own // the decoding of the command says what is wrong with it
	}
	merged, err := json.Marshal(all)
	if err != nil {
		return own
	}
	return merged
}
