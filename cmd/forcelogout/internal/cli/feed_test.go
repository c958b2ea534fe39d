package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
)

// TestFeed: the newest of the files in a folder is the plan, a bad one changes nothing,
// and each ends with what was said about it.
func TestFeed(t *testing.T) {
	t.Parallel()
	p := newPlanner(t)
	feed := func(code int, more ...string) string {
		return p.run(code, append([]string{"feed", "--dir", p.dir, "--once", "--settle", "50ms", "--poll", "10ms", "--meta", "team", "--tz", "UTC", "--max-withdraw", "50%"}, more...)...)
	}
	text := func(pattern string) string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(p.dir, pattern))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		data, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	p.file("a.csv", "30011,2126-11-25T18:00:00Z,Nord", "30012,2126-11-25T18:00:00Z,Nord", "30013,2126-11-25T18:00:00Z,Nord")
	p.wants(feed(exit.OK), "a.csv", "done")
	p.wants(text("done/*/a.csv.report"), "3 new", "new        30012   2126-11-25 18:00")

	p.file("half.csv", "30011,2126-11-25T18:00:00Z,Nord")
	p.wants(feed(exit.OK), "half.csv", "bad")
	p.wants(text("bad/*/half.csv.errors"), "2 of 3 commands")
	p.file("typo.csv", "30011,2126-11-25T18:00:00Z,Nord", "7,2126-11-25T18:00:00Z,Nord")
	feed(exit.OK)
	p.wants(text("bad/*/typo.csv.report"), "line 3")
	p.wants(p.run(exit.OK, "list"), "3 commands")

	p.file("b.csv", "30011,2126-11-25T20:00:00Z,Nord", "30012,2126-11-25T18:00:00Z,Nord")
	feed(exit.OK)
	p.wants(text("done/*/b.csv.report"), "1 moved, 1 withdrawn, 1 unchanged")
	for _, args := range [][]string{{"feed", "--dir", "/nowhere"}, {"feed", "--dir", p.dir, "--replace", "all"}, {"feed", "--dir", p.dir, "--tz", "Mars"}, {"feed", "--dir", p.dir, "--poll", "0s"}} {
		if out := p.run(exit.Usage, args...); !strings.Contains(out, "--") {
			t.Error(out)
		}
	}
}

// TestFeedCutOff: a feeder that is stopped in the middle of a file leaves it to the next,
// which completes it.
func TestFeedCutOff(t *testing.T) {
	t.Parallel()
	p := newPlanner(t)
	rows := make([]string, 3000)
	for i := range rows {
		rows[i] = fmt.Sprintf("%d,2126-11-25T18:00:00Z,Nord", 10000+i)
	}
	p.file("a.csv", rows...)
	args := []string{"feed", "--nats", p.url, "--dir", p.dir, "--once", "--settle", "10ms", "--poll", "5ms", "--meta", "team", "--tz", "UTC"}
	ctx, stop := context.WithCancel(p.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		invoke(ctx, args...)
	}()
	for !strings.Contains(p.run(exit.OK, "list", "--tz", "UTC"), "planned") { // it has begun
		if p.ctx.Err() != nil {
			t.Fatal("the file is not taken")
		}
	}
	stop()
	<-ended
	p.run(exit.OK, append([]string{"feed"}, args[3:]...)...)
	p.wants(p.run(exit.OK, "list", "--tz", "UTC"), "3000 commands")
	if left, err := filepath.Glob(filepath.Join(p.dir, "done", "*", "a.csv")); err != nil || len(left) != 1 {
		t.Errorf("done: %v, %v", left, err)
	}
}
