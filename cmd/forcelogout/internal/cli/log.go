package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/lmittmann/tint"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
)

// logFlags are how much is logged, and in which form.
type logFlags struct {
	LogLevel  string `default:"info" enum:"debug,info,warn,error" help:"Least level to log: debug, info, warn or error."`
	LogFormat string `default:"text" enum:"text,json" help:"text or json."`
}

// logger writes to w: text for people, JSON for collectors.
func (f logFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		return nil, exit.Misused(fmt.Errorf("--log-level: %w", err))
	}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})), nil
	}
	return slog.New(tint.NewTextHandler(w, &tint.Options{
		Level: level, TimeFormat: time.TimeOnly, NoColor: !console.Colored(w),
	})), nil
}

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
