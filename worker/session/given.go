// Package session keeps the inspector sessions that calls are made with.
package session

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// ErrNotRenewed says that the source of a session still holds what the gateway
// has refused.
var ErrNotRenewed = errors.New("the source of the GUID still holds the refused one")

// maxGUID bounds the header value; a real one has about 50 bytes.
const maxGUID = 256

// Given is a session that somebody else has signed in: its GUID comes from a
// file or from the environment and is read again when the gateway refuses it.
type Given struct {
	inspector string
	read      func() (string, error)

	mu      sync.Mutex
	guid    string
	refusal error // why the present GUID is no use, nil while it is
}

// FromFile returns the session whose GUID is the content of a file. The file
// may be replaced at any time.
func FromFile(inspector, path string) (*Given, error) {
	return newGiven(inspector, func() (string, error) {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("reading the GUID file: %w", err)
		}
		guid, err := ParseGUID(string(data))
		if err != nil {
			return "", fmt.Errorf("GUID file %s: %w", path, err)
		}
		return guid, nil
	})
}

// FromValue returns a session with a fixed GUID.
func FromValue(inspector, value string) (*Given, error) {
	return newGiven(inspector, func() (string, error) { return ParseGUID(value) })
}

func newGiven(inspector string, read func() (string, error)) (*Given, error) {
	guid, err := read()
	if err != nil {
		return nil, err
	}
	return &Given{inspector: inspector, read: read, guid: guid}, nil
}

// Current is the session to make the next call with.
func (g *Given) Current() gateway.Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return gateway.Session{Inspector: g.inspector, GUID: g.guid}
}

// Refused reports that the gateway did not accept a session and reads the
// source again. It returns nil if there is now another session to try, and else
// an error that wraps ErrNotRenewed or says why the source is unreadable. Many
// callers refused together cost one reading each of a small file at most.
func (g *Given) Refused(used gateway.Session) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if used.GUID != g.guid {
		return nil
	}
	guid, err := g.read()
	switch {
	case err != nil:
		g.refusal = err
	case guid == g.guid:
		g.refusal = ErrNotRenewed
	default:
		g.guid, g.refusal = guid, nil
	}
	return g.refusal
}

// Accepted reports that the gateway took a session: an earlier refusal is over.
func (g *Given) Accepted(used gateway.Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if used.GUID == g.guid {
		g.refusal = nil
	}
}

// Usable is nil while the session is not known to be refused.
func (g *Given) Usable() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refusal != nil {
		return fmt.Errorf("inspector %s has no usable session: %w", g.inspector, g.refusal)
	}
	return nil
}

// ParseGUID takes a GUID as people paste it, also with the JSESSIONID= in front
// that a Set-GUID header has. The error never holds the value.
func ParseGUID(raw string) (string, error) {
	guid := strings.TrimPrefix(strings.TrimSpace(raw), "JSESSIONID=")
	switch {
	case guid == "":
		return "", errors.New("the GUID is empty: put in the value of the Guid header")
	case len(guid) > maxGUID:
		return "", fmt.Errorf("the GUID has %d bytes, %d at most: put in the value of the Guid header and nothing else", len(guid), maxGUID)
	}
	for _, c := range []byte(guid) {
		if c <= ' ' || c > '~' {
			return "", errors.New("the GUID holds white space or other characters that no header value has: put in one line")
		}
	}
	return guid, nil
}
