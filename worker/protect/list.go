package protect

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/health"
)

// readPeriod is how often the files are read: who is new there is protected this much
// later.
const readPeriod = time.Second

// List is the protected agents as they are now: some by name, and those in files, which
// are read again all the time. It is safe for concurrent use.
type List struct {
	named Set
	files []string
	last  Set // as read last; Run's alone
	now   atomic.Pointer[Set]
}

// NewList returns the protected agents. A number that is none, or a file that cannot be
// read, is an error.
func NewList(agents, files []string) (*List, error) {
	l := &List{named: Set{}, files: files}
	for _, agent := range agents {
		if err := messages.ValidateWorkNo(agent); err != nil {
			return nil, fmt.Errorf("protect: %w", err)
		}
		l.named[agent] = true
	}
	return l, l.Read()
}

// Has reports whether an agent is protected now. A nil list protects nobody.
func (l *List) Has(workNo string) bool { return l != nil && (*l.now.Load())[workNo] }

// Read reads the files again. It is for one goroutine at a time.
func (l *List) Read() error {
	all := maps.Clone(l.named)
	for _, name := range l.files {
		found, err := ReadFile(name)
		if err != nil {
			return fmt.Errorf("protect-file: %w", err)
		}
		maps.Copy(all, found)
	}
	// Who is not there any more stays protected until the next reading: the file may be
	// in the middle of being written.
	before := l.last
	l.last = maps.Clone(all)
	maps.Copy(all, before)
	l.now.Store(&all)
	return nil
}

// Run reads the files again until the context ends. While one cannot be read, what was
// read last counts: nobody loses their protection by a mistake.
func (l *List) Run(ctx context.Context, reading *health.Obstacle) {
	if l == nil || len(l.files) == 0 {
		return
	}
	ticker := time.NewTicker(readPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := l.Read(); err != nil {
			reading.Failed(ctx, err)
		} else {
			reading.Worked(ctx)
		}
	}
}
