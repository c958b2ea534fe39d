// Package protect has the agents whom nobody may sign out, whoever asks.
package protect

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/forcelogout/forcelogout/messages"
)

// Set is some agents, by their numbers.
type Set map[string]bool

// Read reads agents' numbers, separated by white space, commas or semicolons. A # begins
// a remark that goes to the end of its line. What is no number is an error: an agent who
// is meant and not understood would be signed out.
func Read(r io.Reader) (Set, error) {
	found := Set{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		if n == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		text, _, _ = strings.Cut(text, "#")
		for _, agent := range strings.FieldsFunc(text, isSeparator) {
			if err := messages.ValidateWorkNo(agent); err != nil {
				return nil, fmt.Errorf("line %d: %w (agents' numbers stand there, and remarks after #)", n, err)
			}
			found[agent] = true
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading agents' numbers: %w", err)
	}
	return found, nil
}

// ReadFile reads a file with at least one agent's number: an empty one is a mistake, or is
// being written.
func ReadFile(name string) (Set, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found, err := Read(file)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(found) == 0:
		return nil, fmt.Errorf("%s: there is no agent's number in it", name)
	}
	return found, nil
}

func isSeparator(r rune) bool { return strings.ContainsRune(" \t\r,;", r) }
