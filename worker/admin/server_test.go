package admin_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/worker/admin"
)

// TestHealthz: one VCC that cannot recover by itself makes the process unhealthy.
func TestHealthz(t *testing.T) {
	t.Parallel()
	var dead error
	vccs := []admin.VCC{
		{Name: "a", Metrics: admin.NewMetrics("a")},
		{Name: "b", Metrics: admin.NewMetrics("b"), Alive: func() error { return dead }},
	}
	s, err := admin.Listen("127.0.0.1:0", vccs, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() { stop(); <-ended; http.DefaultClient.CloseIdleConnections() }()
	for _, c := range []struct {
		dead   error
		status int
		body   string
	}{{nil, http.StatusOK, "ok"}, {errors.New("closed\nfor good"), http.StatusServiceUnavailable, "closed; for good"}} {
		dead = c.dead
		resp, err := http.Get("http://" + s.Addr() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || strings.TrimSpace(string(body)) != c.body {
			t.Errorf("%d %q, %v", resp.StatusCode, body, err)
		}
	}
}
