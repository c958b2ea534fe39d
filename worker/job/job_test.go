package job

import (
	"testing"
	"time"
)

// TestCouldBeDoubled: each thing that alone lets another worker have the same command.
func TestCouldBeDoubled(t *testing.T) {
	t.Parallel()
	const window = 15 * time.Minute
	for name, c := range map[string]struct {
		change  func(*Job)
		doubled bool
	}{
		"new, under its own id":      {func(*Job) {}, false},
		"delivered again":            {func(j *Job) { j.Delivery = 2 }, true},
		"nobody knows":               {func(j *Job) { j.Doubtful = true }, true},
		"two leaders":                {func(j *Job) { j.Contested = true }, true},
		"called for before":          {func(j *Job) { j.Redelivered = true }, true},
		"without its own id":         {func(j *Job) { j.HasOwnID = false }, true},
		"nobody knows when it began": {func(j *Job) { j.Command.ExpiresAt = j.Expires }, true},
		"its end and its beginning":  {func(j *Job) { j.Command.ExpiresAt, j.Command.IssuedAt = j.Expires, start }, false},
		"older than the window":      {func(j *Job) { j.Stored = start.Add(-window) }, true},
		"lives as long":              {func(j *Job) { j.Expires = start.Add(window) }, false},
		"lives longer":               {func(j *Job) { j.Expires = start.Add(window + 1) }, true},
		"issued before":              {func(j *Job) { j.IssuedAt, j.Expires = start.Add(-1), start.Add(window) }, true},
	} {
		j := in(func(j *Job) { j.HasOwnID = true }, c.change)
		if got := j.CouldBeDoubled(window, start); got != c.doubled {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestBegan: the first call's time stays; the last one's inspector counts.
func TestBegan(t *testing.T) {
	t.Parallel()
	j := fresh()
	j.Began("1001", start)
	j.Began("1002", start.Add(time.Minute))
	if !j.Called || j.Calls != 2 || j.Inspector != "1002" || !j.StartedAt.Equal(start) {
		t.Errorf("%+v", j)
	}
}
