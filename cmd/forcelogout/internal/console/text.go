package console

import (
	"strconv"
	"strings"
	"unicode"
)

// Printable keeps what came from outside from playing with the terminal, and from
// passing for a line of its own.
func Printable(text string) string {
	clean := func(r rune) bool { return unicode.IsPrint(r) }
	if strings.IndexFunc(text, func(r rune) bool { return !clean(r) }) < 0 {
		return text
	}
	return strings.Map(func(r rune) rune {
		if clean(r) {
			return r
		}
		return '.'
	}, text)
}

// Plural is a number with its noun.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// Clip cuts a line to the terminal's width.
func Clip(line string, width int) string {
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	return string(runes[:width-1]) + "…"
}
