package embedded_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/worker/embedded"
)

func stop(t *testing.T, s *embedded.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// TestOneServerForADirectory: a second server is refused while the first one runs, and
// not afterwards.
func TestOneServerForADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := embedded.Start(dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if second, err := embedded.Start(dir, "127.0.0.1:0"); !errors.Is(err, embedded.ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second server on the directory: %v, %v", second, err)
	}
	if err := first.Alive(); err != nil {
		t.Error(err)
	}
	stop(t, first)
	if first.Alive() == nil {
		t.Error("alive after its end")
	}
	again, err := embedded.Start(dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop(t, again)
}

// TestPortTaken: the reason is said, and the directory is free again.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dir := t.TempDir()
	_, err = embedded.Start(dir, listener.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "address already in use") || !strings.Contains(err.Error(), listener.Addr().String()) {
		t.Errorf("on a taken port: %v", err)
	}
	s, err := embedded.Start(dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop(t, s)
}

// TestUnusableDirectory: a file where the store should be.
func TestUnusableDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Start(file, "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file as directory: %v", err)
	}
}

// TestStartIsCutShort: whoever waits for the start need not wait for its end.
func TestStartIsCutShort(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := t.TempDir()
	if _, err := embedded.StartContext(ctx, dir, "127.0.0.1:0"); !errors.Is(err, context.Canceled) {
		t.Errorf("it says %v", err)
	}
	// What was begun ends in its own time, and then the directory is free.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		s, err := embedded.Start(dir, "127.0.0.1:0")
		if err == nil {
			stop(t, s)
			return
		}
		if !errors.Is(err, embedded.ErrInUse) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
