// Package console is what the commands show to people: results, progress, tables, and
// nothing that came from outside and plays with the terminal.
package console

import (
	"io"
	"sync"
)

// IO is where a command writes; tests give their own.
type IO struct{ Out, Err io.Writer }

// StickyWriter remembers that something could not be written, so that a full disk does not
// pass for success.
type StickyWriter struct {
	to io.Writer

	mu  sync.Mutex
	err error
}

// Sticky writes to what is given.
func Sticky(to io.Writer) *StickyWriter { return &StickyWriter{to: to} }

func (s *StickyWriter) Write(p []byte) (int, error) {
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

// Failed is the first error of a write.
func (s *StickyWriter) Failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
