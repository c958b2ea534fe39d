package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// runIdle watches a worker that keeps its inspector's session and has nothing to do.
func runIdle(ctx context.Context, l *lab) (found readings, err error) {
	const password, minutes = "bench-password", 2
	s, err := l.newSite(ctx, "-password", password)
	if err != nil {
		return nil, err
	}
	defer closing(s, &err)
	s.secrets = []string{"FORCELOGOUT_PASSWORD=" + password}
	p, err := s.hire(ctx, s.natsURL)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, 10*time.Second); err != nil {
		return nil, err
	}
	before, cpu, err := s.traffic(p)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, minutes*time.Minute); err != nil {
		return nil, err
	}
	after, cpuAfter, err := s.traffic(p)
	if err != nil {
		return nil, err
	}
	found.add("share of a core", 100*(cpuAfter-cpu).Seconds()/(minutes*60), "%")
	found.add("peak memory", p.usage().peak, "MiB")
	found.add("NATS messages a minute, both ways", float64(after-before)/minutes, "")
	return found, nil
}

// traffic is how many messages the worker's connection has carried, and its CPU time.
func (s *site) traffic(p *process) (messages int, cpu time.Duration, err error) {
	resp, err := http.Get(s.monitor + "/connz")
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	var connz struct {
		Connections []struct {
			Name string `json:"name"`
			In   int    `json:"in_msgs"`
			Out  int    `json:"out_msgs"`
		} `json:"connections"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&connz); err != nil {
		return 0, 0, err
	}
	for _, c := range connz.Connections {
		if strings.Contains(c.Name, "worker") {
			messages += c.In + c.Out
		}
	}
	return messages, p.usage().cpu, nil
}
