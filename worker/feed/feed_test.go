package feed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/forcelogout/forcelogout/worker/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// intake records what was handed in, by name, with the content.
type intake struct {
	mu     sync.Mutex
	handed []string
	fail   func(text string) (feed.Outcome, error)
}

func (i *intake) handle(_ context.Context, file string, report io.Writer) (feed.Outcome, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return feed.Later, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.handed = append(i.handed, filepath.Base(file)+"="+string(data))
	fmt.Fprintln(report, "handed in", string(data))
	if i.fail != nil {
		return i.fail(string(data))
	}
	return feed.Done, nil
}

func (i *intake) all() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.handed)
}

func newFolder(t *testing.T, dir string, i *intake) *feed.Folder {
	t.Helper()
	f, err := feed.New(feed.Config{
		Dir: dir, Settle: 100 * time.Millisecond, Poll: 10 * time.Millisecond, Handle: i.handle, Log: slog.New(slog.DiscardHandler), Metrics: feed.NewMetrics(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// drop renames a file in.
func drop(t *testing.T, dir, name, text string, age time.Duration) {
	t.Helper()
	path, then := filepath.Join(dir, "."+name), time.Now().Add(-age)
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, then, then), os.Rename(path, filepath.Join(dir, name))); err != nil {
		t.Fatal(err)
	}
}

// within returns the files below a folder that match, by their content.
func within(t *testing.T, dir, pattern string) map[string]string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, path := range found {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = string(data)
	}
	return all
}

// TestOrder: the oldest file comes first, each once, and ends with what was said about it.
func TestOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	drop(t, dir, "b.csv", "old", 3*time.Hour)
	drop(t, dir, "a.csv", "new", time.Hour)
	drop(t, dir, "c.csv", "wrong", 2*time.Hour)
	drop(t, dir, "d.csv.part", "half", 2*time.Hour)
	drop(t, dir, ".hidden", "no", 2*time.Hour)
	i := &intake{fail: func(text string) (feed.Outcome, error) {
		if text == "wrong" {
			return feed.Bad, errors.New("line 7 is wrong")
		}
		return feed.Done, nil
	}}
	if err := newFolder(t, dir, i).Run(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(i.all()); got != "[b.csv=old c.csv=wrong a.csv=new]" {
		t.Error(got)
	}
	if got := within(t, dir, "done/*/*"); len(got) != 4 || got["a.csv"] != "new" || got["b.csv.report"] != "handed in old\n" {
		t.Errorf("done: %v", got)
	}
	if got := within(t, dir, "bad/*/*"); len(got) != 3 || got["c.csv.errors"] != "line 7 is wrong\n" {
		t.Errorf("bad: %v", got)
	}
	if got := within(t, dir, "*.part"); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
}

// TestGrowing: a file that is still written to is left alone.
func TestGrowing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "slow.csv"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	i := &intake{}
	ended := make(chan error)
	f, err := feed.New(feed.Config{
		Dir: dir, Settle: 5 * time.Second, Poll: 10 * time.Millisecond, Handle: i.handle, Log: slog.New(slog.DiscardHandler), Metrics: feed.NewMetrics(),
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { ended <- f.Run(ctx, true) }()
	for range 20 {
		if _, err := file.WriteString("row\n"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := i.all(); len(got) != 1 || strings.Count(got[0], "row") != 20 {
		t.Error(got)
	}
}

// TestTakenUp: a file that a feeder had taken when it was stopped is taken up, before
// newer ones; one that has to wait holds the newer ones up.
func TestTakenUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	drop(t, dir, "a.csv", "first", 2*time.Hour)
	ctx, stop := context.WithCancel(t.Context())
	cut := &intake{fail: func(string) (feed.Outcome, error) {
		stop()
		return feed.Later, context.Canceled
	}}
	if err := newFolder(t, dir, cut).Run(ctx, true); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got := within(t, dir, "work/*/a.csv"); len(got) != 1 {
		t.Fatalf("work: %v", got)
	}
	drop(t, dir, "a.csv", "second", 3*time.Hour) // by its time an older one, and yet it came later
	tries := 0
	i := &intake{fail: func(string) (feed.Outcome, error) {
		if tries++; tries < 3 {
			return feed.Later, errors.New("NATS is away")
		}
		return feed.Done, nil
	}}
	if err := newFolder(t, dir, i).Run(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(i.all()); got != "[a.csv=first a.csv=first a.csv=first a.csv=second]" {
		t.Error(got)
	}
}

// TestTwoFeeders: two feeders hand each file in once.
func TestTwoFeeders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const files = 50
	i := &intake{}
	ctx, stop := context.WithCancel(t.Context())
	var feeders sync.WaitGroup
	for range 2 {
		f := newFolder(t, dir, i)
		feeders.Go(func() { _ = f.Run(ctx, false) })
	}
	for n := range files {
		drop(t, dir, fmt.Sprintf("%02d.csv", n), fmt.Sprint(n), time.Hour)
	}
	for deadline := time.Now().Add(time.Minute); len(within(t, dir, "done/*/*.csv")) < files; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d files handed in", len(i.all()))
		}
	}
	stop()
	feeders.Wait()
	all := i.all()
	slices.Sort(all)
	if len(slices.Compact(all)) != files || len(i.all()) != files {
		t.Errorf("%d handed in, want %d", len(i.all()), files)
	}
}
