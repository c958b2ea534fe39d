package settings

import (
	"context"
	"log/slog"
	"sync"
)

// natsLog writes down what NATS says of a connection: once, however often it says it
// before the connection is there again.
type natsLog struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[string]bool
}

// mostSaid bounds what is remembered.
const mostSaid = 100

func (n *natsLog) warn(what string, err error) {
	level := slog.LevelWarn
	n.mu.Lock()
	if n.said[what+err.Error()] || len(n.said) >= mostSaid {
		level = slog.LevelDebug
	} else {
		if n.said == nil {
			n.said = map[string]bool{}
		}
		n.said[what+err.Error()] = true
	}
	n.mu.Unlock()
	n.log.LogAttrs(context.Background(), level, what, slog.Any("error", err))
}

// again forgets what was said.
func (n *natsLog) again() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = nil
}
