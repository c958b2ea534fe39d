package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// sticky remembers that something could not be written, so that a full disk does not
// pass for success.
type sticky struct {
	to io.Writer

	mu  sync.Mutex
	err error
}

func (s *sticky) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err == nil {
			s.err = err
		}
	}
	return n, err
}

func (s *sticky) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// fileOf is the file behind a writer, nil where it is none.
func fileOf(w io.Writer) *os.File {
	if s, is := w.(*sticky); is {
		w = s.to
	}
	file, _ := w.(*os.File)
	return file
}

// printable keeps what came from outside from playing with the terminal, and from
// passing for a line of its own.
func printable(text string) string {
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

// plural is a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
