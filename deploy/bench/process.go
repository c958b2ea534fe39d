package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child of this one.
type process struct {
	*exec.Cmd
	name    string
	admin   string // URL of a worker's admin HTTP
	started time.Time
	lines   chan string  // of its standard output
	log     bytes.Buffer // its standard error; complete after end
}

// start runs a program until stop, or the end of the context.
func start(ctx context.Context, name string, env []string, program string, args ...string) (*process, error) {
	p := &process{Cmd: exec.CommandContext(ctx, program, args...), name: name, lines: make(chan string, 16)}
	p.Env = append(os.Environ(), env...)
	p.Stderr = &p.log
	p.Cancel = func() error { return p.Process.Signal(syscall.SIGTERM) }
	p.WaitDelay = 10 * time.Second
	out, err := p.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.started = time.Now()
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		defer close(p.lines)
		text := bufio.NewScanner(out)
		for text.Scan() {
			select {
			case p.lines <- text.Text():
			default: // nobody is interested in so many
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	return p, nil
}

// line waits for the next line that the process prints.
func (p *process) line(ctx context.Context) (string, error) {
	select {
	case line, more := <-p.lines:
		if !more {
			return "", errors.Join(fmt.Errorf("%s ended", p.name), p.end(syscall.SIGKILL))
		}
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// stop ends the process in good order.
func (p *process) stop() error { return p.end(syscall.SIGTERM) }

// end sends a signal and waits. What it says of a process that failed is its log.
func (p *process) end(s syscall.Signal) error {
	if p.ProcessState != nil {
		return nil
	}
	_ = p.Process.Signal(s)
	err := p.Wait()
	var exit *exec.ExitError
	if s != syscall.SIGTERM || err == nil || errors.As(err, &exit) && !exit.Exited() {
		return nil
	}
	return fmt.Errorf("%s: %w: %s", p.name, err, p.log.String())
}

// usage is what a process has taken of the machine.
type usage struct {
	cpu  time.Duration
	peak float64 // resident memory at its highest, MiB
}

// usage reads it from /proc, zero on other systems. A rusage would count the memory
// of this process too, as the parent.
func (p *process) usage() usage {
	var u usage
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	if err != nil {
		return u
	}
	const hz = 100 // USER_HZ, the same on all Linux machines
	_, after, _ := strings.Cut(string(stat), ") ")
	if fields := strings.Fields(after); len(fields) > 12 {
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		u.cpu = time.Duration(user+system) * time.Second / hz
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	for line := range strings.Lines(string(status)) {
		if value, is := strings.CutPrefix(line, "VmHWM:"); is {
			kib, _ := strconv.ParseFloat(strings.Fields(value)[0], 64)
			u.peak = kib / 1024
		}
	}
	return u
}

// profile writes what a worker spends its time on, over some seconds, to a file.
func (p *process) profile(ctx context.Context, seconds int, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", p.admin, seconds), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, resp.Body)
	return errors.Join(err, out.Close())
}
