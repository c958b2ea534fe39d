package worker_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestGatewayForms: however a gateway writes and sends its answers, the worker signs
// in, keeps the session, and signs each agent out once.
func TestGatewayForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		form   sim.Form
		server sim.Options
		breaks bool // connections end in silence: a call may have to be asked about
	}{
		"plain words":       {form: sim.Form{Msg: true, Number: true, EmptyResult: true}},
		"HTML with a BOM":   {form: sim.Form{HTML: true, BOM: true}},
		"chunked":           {form: sim.Form{Chunked: true}, server: sim.Options{TLS: true}},
		"gzip where asked":  {form: sim.Form{Gzip: true}},
		"closed each time":  {form: sim.Form{Close: true}, server: sim.Options{TLS: true}},
		"closed in silence": {server: sim.Options{CloseAfter: 3}, breaks: true},
		"HTTP/2":            {server: sim.Options{TLS: true, HTTP2: true}},
		"HTTP/2 in frames":  {form: sim.Form{Chunked: true, HTML: true}, server: sim.Options{TLS: true, HTTP2: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, sim.Config{Form: c.form, PollWait: 50 * time.Millisecond, Rotate: true, OldGUIDServes: true})
			server, err := sim.ListenWith(r.sim, "127.0.0.1:0", c.server)
			r.must(err)
			t.Cleanup(func() { _ = server.Close() })
			opts := gateway.Options{URL: server.URL}
			if c.server.TLS {
				opts.TLS.CA = filepath.Join(t.TempDir(), "ca.pem")
				r.must(os.WriteFile(opts.TLS.CA, server.CAPEM, 0o600))
			}
			gw, err := gateway.NewClient(opts)
			r.must(err)
			t.Cleanup(gw.Close)
			w := r.start(keeps("w", func(cfg *worker.Config) { cfg.Gateway, cfg.Retry.MaxAttempts = gw, 8 }))
			r.ready(w)
			const commands = 200
			r.send(crew(0, commands)...)
			for id, got := range r.await(commands) {
				asked := c.breaks && got.Outcome == messages.OutcomeAlreadySignedOut
				if got.Outcome != messages.OutcomeSignedOut && !asked {
					t.Errorf("%s: result %+v", id, got)
				}
			}
			effects := 0
			for _, call := range r.sim.Calls() {
				if call.Effect {
					effects++
				}
			}
			if effects != commands || r.signIns() != 1 {
				t.Errorf("%d agents signed out, %d sign-ins", effects, r.signIns())
			}
			w.stop()
			for _, breach := range r.sim.Breaches() {
				t.Error(breach)
			}
		})
	}
}
