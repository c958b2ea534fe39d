package systemtest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// health is how a worker's readiness has changed, as /readyz and the metrics tell it.
type health struct {
	ended chan struct{}
	end   context.CancelFunc

	mu             sync.Mutex
	readyz, metric []int    // a status each time that it has changed
	texts          []string // what /readyz says then
}

// follow watches a worker's readiness from when it is ready until the test ends, or stop.
func (f *faults) follow(p *process) *health {
	f.Helper()
	admin := p.admin(f.T, f.ctx)
	ctx, cancel := context.WithCancel(f.ctx)
	h := &health{ended: make(chan struct{}), end: cancel}
	go func() { defer close(h.ended); h.watch(ctx, admin) }()
	f.Cleanup(func() { h.stop() })
	f.awaitLast(h, http.StatusOK)
	return h
}

func (h *health) watch(ctx context.Context, admin string) {
	ask := &http.Client{Transport: &http.Transport{}}
	defer ask.CloseIdleConnections()
	for ctx.Err() == nil {
		h.look(ctx, ask, admin)
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// look skips a worker that does not answer: it may have ended.
func (h *health) look(ctx context.Context, ask *http.Client, admin string) {
	status, text, err := fetch(ctx, ask, admin+"/readyz")
	if err != nil {
		return
	}
	_, metrics, err := fetch(ctx, ask, admin+"/metrics")
	if err != nil {
		return
	}
	metric := http.StatusServiceUnavailable
	if strings.Contains(metrics, `forcelogout_ready{vcc="default"} 1`) {
		metric = http.StatusOK
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if isChange(h.readyz, status) {
		h.readyz, h.texts = append(h.readyz, status), append(h.texts, strings.TrimSpace(text))
	}
	if isChange(h.metric, metric) {
		h.metric = append(h.metric, metric)
	}
}

// isChange leaves out what was before the worker was ready.
func isChange(history []int, now int) bool {
	if len(history) == 0 {
		return now == http.StatusOK
	}
	return history[len(history)-1] != now
}

func fetch(ctx context.Context, ask *http.Client, url string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := ask.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

// stop ends the watch, and returns all changes.
func (h *health) stop() (readyz, metric []int) {
	h.end()
	<-h.ended
	return h.changes()
}

func (h *health) changes() (readyz, metric []int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.readyz), slices.Clone(h.metric)
}

// awaitLast waits until a worker's readiness is as given.
func (f *faults) awaitLast(h *health, status int) {
	f.Helper()
	began := time.Now()
	for {
		readyz, metric := h.changes()
		if len(readyz) > 0 && len(metric) > 0 && readyz[len(readyz)-1] == status && metric[len(metric)-1] == status {
			return
		}
		if time.Since(began) > 20*time.Second || f.ctx.Err() != nil {
			f.Fatalf("readyz %v, metric %v, want %d: %v; workers:\n%s", readyz, metric, status, h.texts, f.lastWords())
		}
		f.tick()
	}
}

// cameAndWent: the worker was not ready once, for the given reason, and is again.
func (f *faults) cameAndWent(h *health, why string) {
	f.Helper()
	want := []int{http.StatusOK, http.StatusServiceUnavailable, http.StatusOK}
	readyz, metric := h.stop()
	if !slices.Equal(readyz, want) || !slices.Equal(metric, want) || !strings.Contains(h.texts[1], why) {
		f.Errorf("readyz %v, metric %v: %v", readyz, metric, h.texts)
	}
}

// lostLease is said for each command that was in hand for too long.
const lostLease = "lease lost, left to another worker"

// entry is a line of a worker's log.
type entry struct{ Level, Msg string }

func (f *faults) logOf(p *process) (lines []entry) {
	f.Helper()
	for line := range strings.Lines(p.log.String()) {
		var e entry
		if json.Unmarshal([]byte(line), &e) != nil {
			f.Errorf("a line of the log that cannot be read: %s", line)
		}
		lines = append(lines, e)
	}
	return lines
}

// lines counts the lines of a worker's log with a message.
func (f *faults) lines(p *process, msg string) (n int) {
	f.Helper()
	for _, e := range f.logOf(p) {
		if e.Msg == msg {
			n++
		}
	}
	return n
}

// checkTroubles: each trouble is said once when it comes and once when it has gone, and
// nothing is warned of but these, commands that do not work, and what is given.
func (f *faults) checkTroubles(p *process, besides ...string) {
	f.Helper()
	said := map[string]int{}
	for _, e := range f.logOf(p) {
		if isTrouble(e) && !slices.Contains(besides, e.Msg) {
			said[e.Level+" "+e.Msg]++
		}
	}
	come, gone := 0, 0
	for line, times := range said {
		switch {
		case strings.HasPrefix(line, "ERROR"):
			come += times
		case strings.HasPrefix(line, "INFO"):
			gone += times
		default:
			f.Errorf("%d times: %s", times, line)
		}
		if times != 1 {
			f.Errorf("%d times: %s", times, line)
		}
	}
	if come != gone {
		f.Errorf("%d troubles came and %d went: %v", come, gone, said)
	}
}

// isTrouble reports whether a line says that a trouble has come, or that it has gone. The
// connection's end is no ERROR, and is counted elsewhere.
func isTrouble(e entry) bool {
	switch {
	case e.Msg == "command ended", e.Msg == "connected to NATS again":
		return false
	case e.Level == "INFO":
		return strings.HasSuffix(e.Msg, " again")
	default:
		return true
	}
}
