package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// far returns a way to NATS that takes this long in each direction.
func (s *site) far(delay time.Duration) (url string, stop func(), err error) {
	if delay == 0 {
		return s.natsURL, func() {}, nil
	}
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(api, "nats", "127.0.0.1:0", strings.TrimPrefix(s.natsURL, "nats://"))
	if err := p.Start(); err != nil {
		return "", nil, err
	}
	for _, stream := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"name":%q,"type":"latency","stream":%q,"attributes":{"latency":%d}}`, stream, stream, delay.Milliseconds())
		if _, err := p.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			p.Stop()
			return "", nil, err
		}
	}
	return "nats://" + p.Listen, p.Stop, nil
}
