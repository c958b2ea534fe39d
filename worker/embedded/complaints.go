package embedded

import (
	"errors"
	"fmt"
	"sync"
)

// complaints is the server's log: why it does not start, and its last error.
type complaints struct {
	fatal chan error // has room for one

	mu     sync.Mutex
	latest error
}

func newComplaints() *complaints {
	return &complaints{fatal: make(chan error, 1), latest: errors.New("it says no more")}
}

func (c *complaints) Noticef(string, ...any) {}
func (c *complaints) Warnf(string, ...any)   {}
func (c *complaints) Debugf(string, ...any)  {}
func (c *complaints) Tracef(string, ...any)  {}

// Errorf keeps an error of the server.
func (c *complaints) Errorf(format string, v ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest = fmt.Errorf(format, v...)
}

// Fatalf hears that the server gives up.
func (c *complaints) Fatalf(format string, v ...any) {
	select {
	case c.fatal <- fmt.Errorf(format, v...):
	default:
	}
}

func (c *complaints) last() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest
}
