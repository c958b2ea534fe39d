package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// stampLayout sorts as the times do. A taken file has a folder of its own, which is named
// by when it was taken and by the file.
const stampLayout = "20060102T150405.000000000Z"

// taken is a file that was taken and not finished.
type taken struct{ folder, name string }

func (f *Folder) path(file taken) string {
	return filepath.Join(f.Dir, workDir, file.folder, file.name)
}

// take takes a file.
func (f *Folder) take(name string) (taken, error) {
	file := taken{time.Now().UTC().Format(stampLayout) + "-" + name, name}
	folder := filepath.Join(f.Dir, workDir, file.folder)
	if err := os.Mkdir(folder, 0o755); err != nil {
		return file, fmt.Errorf("taking %s: %w", name, err)
	}
	if err := os.Rename(filepath.Join(f.Dir, name), f.path(file)); err != nil {
		return file, fmt.Errorf("taking %s: %w", name, errors.Join(err, os.Remove(folder)))
	}
	return file, nil
}

// taken are the files that were taken and not finished, in the order in which they were.
func (f *Folder) taken() ([]taken, error) {
	entries, err := os.ReadDir(filepath.Join(f.Dir, workDir))
	if err != nil {
		return nil, fmt.Errorf("reading the folder: %w", err)
	}
	var all []taken
	for _, entry := range entries {
		if len(entry.Name()) <= len(stampLayout)+1 || !entry.IsDir() {
			continue
		}
		file := taken{entry.Name(), entry.Name()[len(stampLayout)+1:]}
		if _, err := os.Stat(f.path(file)); errors.Is(err, os.ErrNotExist) {
			_ = os.Remove(filepath.Dir(f.path(file))) // a feeder was stopped before it took the file
			continue
		}
		all = append(all, file)
	}
	return all, nil
}

// handle hands a taken file in and puts it away. The error is of a file that is to be
// handled again.
func (f *Folder) handle(ctx context.Context, file taken) error {
	begin := time.Now()
	before, err := os.Stat(f.path(file))
	if err != nil {
		return fmt.Errorf("%s: %w", file.name, err)
	}
	report, err := os.OpenFile(f.path(file)+".report", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("the report of %s: %w", file.name, err)
	}
	outcome, failure := f.Handle(ctx, f.path(file), report)
	if err := report.Close(); err != nil {
		return fmt.Errorf("the report of %s: %w", file.name, err)
	}
	if after, err := os.Stat(f.path(file)); err == nil && (after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())) {
		outcome, failure = Later, errors.New("it was written to while it was read")
	}
	if outcome == Later {
		return fmt.Errorf("%s: %w", file.name, failure)
	}
	if err := f.putAway(file, outcome, failure); err != nil {
		return err
	}
	f.Metrics.file(outcome)
	attrs := []slog.Attr{slog.String("file", file.name), slog.String("outcome", string(outcome)), slog.Duration("took", time.Since(begin).Round(time.Millisecond))}
	level := slog.LevelInfo
	if failure != nil {
		level, attrs = slog.LevelWarn, append(attrs, slog.String("error", failure.Error()))
	}
	f.Log.LogAttrs(ctx, level, "file", attrs...)
	return nil
}

// putAway moves a file to where it ends, with what was said about it, in one rename.
func (f *Folder) putAway(file taken, outcome Outcome, failure error) error {
	where := doneDir
	if outcome == Bad {
		where = badDir
		if err := os.WriteFile(f.path(file)+".errors", []byte(failure.Error()+"\n"), 0o644); err != nil {
			return fmt.Errorf("the errors of %s: %w", file.name, err)
		}
	}
	if err := os.Rename(filepath.Dir(f.path(file)), filepath.Join(f.Dir, where, file.folder)); err != nil {
		return fmt.Errorf("putting %s away: %w", file.name, err)
	}
	return nil
}
