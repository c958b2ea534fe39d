package feed

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// growing are the files of a folder as they were last seen, by name.
type growing map[string]sight

type sight struct {
	size     int64
	modified time.Time
	since    time.Time // when the file was first seen like that
}

// look returns the files that are complete, the oldest first, and how many are not. A file
// is complete when it was seen unchanged for settle; one that was modified longer ago, as
// one that is renamed in, at the second look.
func (g growing) look(dir string, settle time.Duration, now time.Time) (complete []string, left int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the folder: %w", err)
	}
	there := map[string]bool{}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || unfinished(name) {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			continue // it is gone
		}
		there[name] = true
		last, seen := g[name]
		if !seen || last.size != info.Size() || !last.modified.Equal(info.ModTime()) {
			g[name] = sight{info.Size(), info.ModTime(), now}
			left++
			continue
		}
		if now.Sub(last.since) < settle && now.Sub(last.modified) < settle {
			left++
			continue
		}
		complete = append(complete, name)
	}
	slices.SortFunc(complete, func(a, b string) int {
		return cmp.Or(g[a].modified.Compare(g[b].modified), strings.Compare(a, b))
	})
	for name := range g {
		if !there[name] {
			delete(g, name)
		}
	}
	return complete, left, nil
}

// unfinished reports whether a name is one that programs give to what they still write.
func unfinished(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") ||
		slices.ContainsFunc([]string{".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", "~"}, func(end string) bool {
			return strings.HasSuffix(lower, end)
		})
}
