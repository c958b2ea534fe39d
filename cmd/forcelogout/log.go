package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"
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
		return nil, usage(fmt.Errorf("--log-level: %w", err))
	}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})), nil
	}
	return slog.New(tint.NewTextHandler(w, &tint.Options{
		Level: level, TimeFormat: time.TimeOnly, NoColor: !colored(w),
	})), nil
}

// colored reports whether w is a terminal whose user did not ask for plain text
// (https://no-color.org).
func colored(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && terminalWidth(w) > 0
}

// terminalWidth is the number of columns of the terminal behind w, 0 where it is
// none.
func terminalWidth(w io.Writer) int {
	file := fileOf(w)
	if file == nil {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
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
