package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

const (
	vccs     = 100
	vccSlots = 4
)

func vccName(i int) string { return fmt.Sprintf("vcc%d", i) }

// runVCCs has a hundred VCCs in one worker, and lets the gateway of one hang.
func runVCCs(ctx context.Context, l *lab) (found readings, err error) {
	n := l.times(150)
	silent, err := silentGateway()
	if err != nil {
		return nil, err
	}
	defer silent.Close()
	none, err := l.manyVCCs(ctx, n, "")
	if err != nil {
		return nil, err
	}
	one, err := l.manyVCCs(ctx, n, "http://"+silent.Addr().String())
	if err != nil {
		return nil, err
	}
	found.add("throughput of 99 VCCs, one more hanging against none", one.perSecond/none.perSecond, "")
	found.add("none hanging", none.perSecond, "/s")
	found.add("one hanging", one.perSecond, "/s")
	return append(append(found, none.spent...), one.spent...), nil
}

// silentGateway takes connections and says nothing.
func silentGateway() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
		}
	}()
	return listener, nil
}

// manyVCCs measures all but the last VCC, whose gateway is another one unless "".
func (l *lab) manyVCCs(ctx context.Context, n int, last string) (r run, err error) {
	s, err := l.newSite(ctx, "-latency", "200ms")
	if err != nil {
		return r, err
	}
	defer closing(s, &err)
	config, err := s.vccConfig(last)
	if err != nil {
		return r, err
	}
	for i := range vccs {
		if err := s.fill(ctx, messages.DefaultPrefix.Commands(vccName(i)), n); err != nil {
			return r, err
		}
	}
	s.secrets = nil
	if _, err := s.hireFor(ctx, s.natsURL, "--config", config); err != nil {
		return r, err
	}
	want := vccs * n
	if last != "" {
		want -= n
	}
	all, err := s.read(ctx, s.results, want)
	if err != nil {
		return r, err
	}
	var begin, end time.Time
	count := 0
	for _, result := range all {
		if result.VCC == vccName(vccs-1) {
			continue
		}
		count++
		if begin.IsZero() {
			begin = result.at
		}
		end = result.at
	}
	r.perSecond = float64(count) / end.Sub(begin).Seconds()
	name := "none hanging"
	if last != "" {
		name = "one hanging"
	}
	r.spent.spent(name, s.staff...)
	return r, nil
}

func (s *site) vccConfig(last string) (file string, err error) {
	guidFile := filepath.Join(s.dir, "guid")
	if err := os.WriteFile(guidFile, []byte(guid), 0o600); err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "concurrency: %d\nvccs:\n", vccSlots)
	for i := range vccs {
		url := s.gwURL
		if i == vccs-1 && last != "" {
			url = last
		}
		fmt.Fprintf(&text, "  - {vcc: %s, gateway: %q, inspector: %s, guid-file: %q}\n", vccName(i), url, inspector, guidFile)
	}
	file = filepath.Join(s.dir, "vccs.yaml")
	return file, os.WriteFile(file, []byte(text.String()), 0o600)
}
