package systemtest

import (
	"fmt"
	"strings"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// wire is a TCP proxy in front of NATS that can be cut.
type wire struct {
	*installation
	proxy *toxiproxy.Proxy
}

func (in *installation) wire() wire {
	in.Helper()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(api, "nats", "127.0.0.1:0", strings.TrimPrefix(in.nats, "nats://"))
	in.must(proxy.Start())
	in.Cleanup(proxy.Stop)
	return wire{in, proxy}
}

func (w wire) url() string { return "nats://" + w.proxy.Listen }

// cut lets no more bytes through, in silence, as a partition does.
func (w wire) cut() {
	w.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"name":%q,"type":"timeout","stream":%q,"attributes":{"timeout":0}}`, "cut-"+stream, stream)
		_, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(toxic))
		w.must(err)
	}
}

func (w wire) mend() { w.proxy.Toxics.ResetToxics(w.ctx) }
